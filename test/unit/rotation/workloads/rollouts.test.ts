/** What rekey makes of a Rollout of Argo Rollouts, of its pods, and of a cluster that has none. */
import { describe, expect, it } from 'vitest';
import type { Deployment, Pod, PodDisruptionBudget, Rollout } from '../../../../src/kube/types.ts';
import type { JwtKeyRotation } from '../../../../src/rotation/api/names.ts';
import type { Facts, TargetFacts } from '../../../../src/rotation/facts.ts';
import type { Keyset } from '../../../../src/rotation/keyset/keyset.ts';
import { EMPTY_LEDGER } from '../../../../src/rotation/keyset/ledger.ts';
import { observe } from '../../../../src/rotation/observe/observe.ts';
import { type Caches, cachedWorld } from '../../../../src/rotation/observe/world.ts';
import { isStampable, survey } from '../../../../src/rotation/plan/converge.ts';
import { plan } from '../../../../src/rotation/plan/plan.ts';
import { standingFinding } from '../../../../src/rotation/plan/policies/preflight.ts';
import { restartAtOf } from '../../../../src/rotation/plan/settling.ts';
import { canaryOf } from '../../../../src/rotation/settings/canary-settings.ts';
import type { TargetSettings } from '../../../../src/rotation/settings/settings.ts';
import { rolloutView } from '../../../../src/rotation/workloads/rollouts.ts';
import { type PodView, podView, selectorText, selects } from '../../../../src/rotation/workloads/views.ts';
import type { WorkloadView } from '../../../../src/rotation/workloads/workload-view.ts';
import { deploymentView, WORKLOADS } from '../../../../src/rotation/workloads/workloads.ts';
import type { Availability } from '../../../../src/runtime/optional-reflector.ts';
import { Store } from '../../../../src/runtime/store.ts';
import { facts, keysetAfter, probeOf, SETTINGS, STAGING, STEADY, T0, WRITES } from '../builders.ts';

const at = (seconds: number) => new Date(T0 + seconds * 1_000).toISOString().replace('.000Z', 'Z');
const labels = { app: 'main' };
const template = {
  metadata: { labels },
  spec: { containers: [{ name: 'app', envFrom: [{ secretRef: { name: 'jwt' } }] }] },
};
const canary = canaryOf({ path: '/verify', port: 80 }, {});
const TARGET: TargetSettings = { kind: 'Rollout', name: 'main', roles: ['Signer', 'Verifier'], source: 'Env', canary };

/** At rest: two pods, nothing is under way. */
function rollout(spec: Rollout['spec'] = {}, status: Rollout['status'] = {}, metadata: object = {}): Rollout {
  return {
    metadata: { namespace: 'shop', name: 'main', uid: 'u1', resourceVersion: '7', generation: 4, ...metadata },
    spec: { replicas: 2, selector: { matchLabels: labels }, template, ...spec },
    status: {
      ...{ observedGeneration: '4', phase: 'Healthy', currentPodHash: 'a', stableRS: 'a' },
      ...{ updatedReplicas: 2, readyReplicas: 2, availableReplicas: 2, ...status },
    },
  };
}
const stamped = { annotations: { 'rekey.dev/keyset-version': '2' } };
const ASKED = { restartAt: at(1) };
const OVER = { restartedAt: at(1) };

function podOf(name: string, createdAt: string, controller = 'main-5d8', more: Partial<Pod['spec']> = {}): PodView {
  return podView({
    metadata: {
      ...{ namespace: 'shop', name, uid: `u-${name}`, resourceVersion: '1', creationTimestamp: createdAt },
      labels: { ...labels, 'rollouts-pod-template-hash': '5d8' },
      ownerReferences: [{ apiVersion: 'apps/v1', kind: 'ReplicaSet', name: controller, uid: 'r', controller: true }],
    },
    spec: { ...template.spec, nodeName: 'n', ...more },
    status: {
      phase: 'Running',
      podIP: '10.0.0.1',
      conditions: [{ type: 'Ready', status: 'True' }],
      containerStatuses: [{ name: 'app', restartCount: 0, state: { running: { startedAt: createdAt } } }],
    },
  });
}

function storeOf<T extends { readonly namespace: string; readonly name: string }>(values: readonly T[]): Store<T> {
  const store = new Store<T>({ onHandlerError: () => undefined });
  const items = values.map((value) => ({ version: { namespace: value.namespace, name: value.name }, value }));
  store.replaceAll(items, '1', { mayGoBack: true });
  return store;
}

interface Scene {
  readonly rollouts?: readonly Rollout[];
  readonly deployments?: readonly Deployment[];
  readonly pods?: readonly PodView[];
  readonly target?: Partial<TargetSettings>;
  readonly availability?: Availability;
  readonly budgets?: readonly PodDisruptionBudget[];
  readonly keyset?: Keyset;
}

/** Through the same observer as in production, from caches. */
async function observed(scene: Scene): Promise<{ facts: Facts; target: TargetFacts }> {
  const { rollouts = [], deployments = [], pods = [], target = {}, availability = 'Served' } = scene;
  const { budgets, keyset = STAGING } = scene;
  const settings = { ...SETTINGS, targets: [{ ...TARGET, ...target } as TargetSettings] };
  const none = storeOf<WorkloadView>([]);
  const caches: Caches = {
    workloads: {
      Deployment: storeOf(deployments.map(deploymentView)),
      ...{ StatefulSet: none, DaemonSet: none, CronJob: none, Job: none },
      Rollout: storeOf(rollouts.map(rolloutView)),
    },
    pods: storeOf(pods),
    availability: () => availability,
  };
  const facts = await observe({
    resource: { metadata: { namespace: 'shop', name: 'jwt' } } as JwtKeyRotation,
    secret: { kind: 'Managed', keyset },
    ledgerReading: { ledger: EMPTY_LEDGER },
    world: { ...cachedWorld(caches), ...(budgets && { live: true, strictBudgets: async () => budgets }) },
    ...{ settings, probes: new Map(), nextRotationId: 'r', allowLoopback: false, now: T0 },
    ...{ sharedWith: [], burntElsewhere: [], refusals: [], clockOffsetMs: 0, settleMs: 10_000 },
  });
  return { facts, target: facts.targets[0] as TargetFacts };
}

const finding = async (scene: Scene) => standingFinding((await observed(scene)).facts);

describe('a Rollout', () => {
  it('at rest is rolled out, neither paused nor manual, and uses what its template uses', () => {
    expect(rolloutView(rollout())).toMatchObject({
      ...{ kind: 'Rollout', name: 'main', rolledOut: true, manual: false, ready: 2, reads: [{ secret: 'jwt' }] },
      selector: { matchLabels: labels },
    });
    expect(rolloutView(rollout())).not.toHaveProperty('failed');
  });

  it.each<readonly [string, Rollout]>([
    ['its controller has not seen the newest spec', rollout({}, { observedGeneration: '3' })],
    ['its controller has never seen it', { ...rollout(), status: {} }],
    ['a delivery waits at a step', rollout({}, { currentPodHash: 'b', phase: 'Paused' })],
    ['it was never promoted', { ...rollout(), status: { observedGeneration: '4', availableReplicas: 2 } }],
    ['a restart is asked for', rollout(ASKED)],
    ['an earlier restart is over, and this one is not', rollout(ASKED, { restartedAt: at(0) })],
    ['a pod is not available', rollout({}, { availableReplicas: 1 })],
    ['a pod of the newest template is missing', rollout({}, { updatedReplicas: 1 })],
  ])('is not rolled out while %s', (_, object) => {
    expect(rolloutView(object).rolledOut).toBe(false);
  });

  it('is rolled out after its restart, while it is paused, and while former pods wait to be scaled down', () => {
    expect(rolloutView(rollout(ASKED, OVER)).rolledOut).toBe(true);
    expect(rolloutView(rollout({}, { phase: 'Paused' }))).toMatchObject({ rolledOut: true, paused: false });
    expect(rolloutView(rollout({}, { availableReplicas: 4 })).rolledOut).toBe(true);
  });

  it('has failed when its controller says so of the newest spec, in its words', () => {
    const degraded = { phase: 'Degraded', message: 'RolloutAborted: metric "errors" failed' } as const;
    expect(rolloutView(rollout({}, degraded)).failed).toBe(degraded.message);
    expect(rolloutView(rollout({}, { ...degraded, observedGeneration: '3' }))).not.toHaveProperty('failed');
  });

  it('is stamped where the annotation and the restart are both there', () => {
    expect(rolloutView(rollout(ASKED, {}, stamped)).templateVersion).toBe(2);
    expect(rolloutView(rollout(ASKED))).not.toHaveProperty('templateVersion');
    // somebody took the restart back: it must be asked for again
    expect(rolloutView(rollout({}, {}, stamped))).not.toHaveProperty('templateVersion');
  });
});

describe('a restart', () => {
  it('of a Rollout leaves its template alone, that of the others is a change of it', () => {
    const stamp = { version: 3, restartAt: T0 + 11_000 };
    const annotations = { 'rekey.dev/keyset-version': '3' };
    expect(WORKLOADS.Rollout.stamped(stamp)).toEqual({ metadata: { annotations }, spec: { restartAt: at(11) } });
    for (const kind of ['Deployment', 'StatefulSet', 'DaemonSet'] as const) {
      expect(WORKLOADS[kind].stamped(stamp)).toEqual({ spec: { template: { metadata: { annotations } } } });
    }
  });

  const later = keysetAfter([WRITES.adopt, WRITES.stage], () => T0 + 300);
  const inferred = { ...TARGET, canary: undefined } as unknown as TargetSettings;
  it.each([
    // creation times are cut off: a pod of the second of the write may be older than it
    { what: 'of the next whole second', settings: TARGET, keyset: later, expected: 1_000 },
    { what: 'when the write has spread, where no pod is asked', settings: inferred, keyset: later, expected: 11_000 },
    {
      what: 'at once in an emergency, also there',
      settings: inferred,
      keyset: { ...later, phase: 'Burning' as const },
      expected: 1_000,
    },
  ])('replaces what was created before: $what', ({ settings, keyset, expected }) => {
    expect(restartAtOf({ settings, pods: [] }, keyset, 10_000)).toBe(T0 + expected);
  });
});

describe('a pod of a Rollout', () => {
  const versions = ({ pods }: TargetFacts) => pods.map(({ templateVersion }) => templateVersion);
  const pods = [podOf('a', at(0)), podOf('b', at(1)), podOf('c', at(2))];

  it('is of the restart if it was not created before', async () => {
    const { target } = await observed({ rollouts: [rollout(ASKED, {}, stamped)], pods });
    expect(versions(target)).toEqual([0, 2, 2]);
    expect(isStampable(target, STAGING)).toBe(false);
    expect(isStampable(target, STEADY)).toBe(true);
  });

  it('that proves to be old is left to the controller, and evicted once that is through', async () => {
    const stale = (target: TargetFacts) => {
      const asked = target.pods.map((pod) => ({ ...pod, probe: probeOf(STAGING, pod.name === 'c' ? 2 : 1) }));
      const rows = survey(
        [{ target: { ...target, pods: asked }, holds: ({ version }) => version === 2, restart: true }],
        STAGING,
      );
      return { stale: rows.stale.map(({ pod }) => pod.name), leaving: rows.leaving.map(({ pod }) => pod.name) };
    };
    const before = await observed({ rollouts: [rollout(ASKED, {}, stamped)], pods });
    expect(stale(before.target)).toEqual({ stale: ['b'], leaving: ['a'] });
    // a new template in the middle of a restart ends it: the controller leaves the stable pods as they are
    const after = await observed({ rollouts: [rollout(ASKED, OVER, stamped)], pods });
    expect(stale(after.target)).toEqual({ stale: ['a', 'b'], leaving: [] });
  });

  it('is of the mark on itself where it reads mounted files', async () => {
    const marked = { ...podOf('a', at(0)), templateVersion: 1 };
    const scene = { rollouts: [rollout(ASKED, {}, stamped)], pods: [marked] };
    expect(versions((await observed({ ...scene, target: { source: 'File' } })).target)).toEqual([1]);
  });

  it('is one that a ReplicaSet of the Rollout controls, whatever labels others have', async () => {
    const foreign = podOf('c', at(2), 'other-5d8');
    const { target, facts } = await observed({ rollouts: [rollout()], pods: [podOf('a', at(0)), foreign] });
    expect(target.pods.map(({ name }) => name)).toEqual(['a']);
    expect(facts.unlistedConsumers).toEqual(['Pod/c (of Rollout/other)']);
  });

  it('is awaited, whatever the status of the Rollout says of the moment before its eviction', async () => {
    const rollouts = [rollout(ASKED, OVER, stamped)];
    const [a, b] = [podOf('a', at(2)), podOf('b', at(2))];
    const rolledOut = async (...all: PodView[]) => (await observed({ rollouts, pods: all })).target.workload?.rolledOut;
    expect(await rolledOut(a, b)).toBe(true);
    expect(await rolledOut(a)).toBe(false);
    expect(await rolledOut(a, { ...b, terminating: true })).toBe(false);
    expect(await rolledOut(a, { ...b, ready: false })).toBe(false);
  });
});

describe('a Rollout that takes its template from elsewhere', () => {
  const ref = (kind: string) => ({
    ...{ selector: undefined, template: undefined },
    workloadRef: { apiVersion: 'apps/v1', kind, name: 'source' },
  });
  const from = (kind = 'Deployment') => rollout(ref(kind) as unknown as Rollout['spec']);
  const source: Deployment = {
    metadata: { namespace: 'shop', name: 'source', uid: 'u2', resourceVersion: '1' },
    spec: { replicas: 0, selector: { matchLabels: labels }, template },
  };

  it('has the Secrets and the pods of that Deployment, which is no consumer of its own', async () => {
    const { facts, target } = await observed({ rollouts: [from()], deployments: [source], pods: [podOf('a', at(0))] });
    expect(target.workload?.consumes).toBe(true);
    expect(target.pods).toHaveLength(1);
    expect(facts.unlistedConsumers).toEqual([]);
    expect(standingFinding(facts)).toBeUndefined();
  });

  it.each([
    ['TargetNotFound', 'Deployment/source', from(), []],
    ['NotSupported', 'PodTemplate/source', from('PodTemplate'), [source]],
  ] as const)('is refused with %s where that is not to be had', async (reason, name, object, deployments) => {
    const scene = { rollouts: [object], deployments };
    expect(await finding(scene)).toMatchObject({
      reason,
      message: expect.stringMatching(/^spec.targets\[0\]: Rollout\/main/),
    });
    expect((await finding(scene))?.message).toContain(name);
  });

  it('selects by labels that a pod has, whatever every object has', () => {
    const key = 'constructor';
    expect(selects({ matchExpressions: [{ key, operator: 'Exists' }] }, {})).toBe(false);
    expect(selects({ matchExpressions: [{ key, operator: 'DoesNotExist' }] }, {})).toBe(true);
    expect(selects({ matchLabels: { [key]: 'a' } }, { [key]: 'a' })).toBe(true);
  });

  it('selects no pod without a selector, where an empty one would select all', () => {
    const { selector } = rolloutView(from());
    expect(selects(selector, labels)).toBe(false);
    expect(selects(selector, {})).toBe(false);
    expect(selectorText(selector)).toBe('rekey.dev/none,!rekey.dev/none');
  });

  it('must be the target itself: a restart of the Deployment would start a delivery', async () => {
    const scene = {
      rollouts: [from()],
      deployments: [source],
      target: { kind: 'Deployment', name: 'source' },
    } as const;
    expect(await finding(scene)).toMatchObject({
      reason: 'NotSupported',
      message: expect.stringContaining('make Rollout/main the target'),
    });
  });
});

describe('a budget that lets no pod go', () => {
  const budget = { metadata: { name: 'strict' }, spec: { selector: { matchLabels: labels } } };
  const pods = [podOf('a', at(0)), podOf('b', at(0))];

  it('holds a Rollout, whose controller evicts', async () => {
    const scene = { rollouts: [rollout()], pods, budgets: [budget], keyset: STEADY };
    const { target } = await observed(scene);
    expect(target.workload?.heldBy).toBe('strict');
    expect((await observed({ ...scene, target: { source: 'File' } })).target.workload).not.toHaveProperty('heldBy');
  });

  it('is looked for before a rotation of one starts', async () => {
    const { target } = await observed({ rollouts: [rollout()], pods, keyset: STEADY });
    const asked = target.pods.map((pod) => ({ ...pod, probe: probeOf(STEADY, 1) }));
    const world = (workload = target.workload) =>
      facts(STEADY, {
        ...{ targets: [{ ...target, pods: asked, ...(workload && { workload }) }], live: false },
        requests: { rotateAt: 'now' },
      });
    expect(plan(world()).action.type).toBe('confirm');
    const held = { ...world(target.workload && { ...target.workload, heldBy: 'strict' }), live: true };
    expect(plan(held).blocked).toMatchObject({
      reason: 'DisruptionBlocked',
      message: expect.stringContaining('a Rollout'),
    });
  });
});

describe('a consumer that is no target', () => {
  it('may be a Rollout', async () => {
    const other = rollout({}, {}, { name: 'other' });
    const { facts } = await observed({ rollouts: [rollout(), other], pods: [podOf('a', at(0))] });
    expect(facts.unlistedConsumers).toEqual(['Rollout/other']);
  });
});

describe('a cluster', () => {
  it.each([
    ['without Rollouts', 'Absent', 'NotSupported', 'rollouts.argoproj.io'],
    ['whose Rollouts rekey may not read', 'Forbidden', 'Forbidden', 'deploy/base'],
    ['without this Rollout', 'Served', 'TargetNotFound', 'Rollout/main does not exist'],
  ] as const)('%s is told of with a reason', async (_, availability, reason, words) => {
    const found = await finding({ availability });
    expect(found).toMatchObject({ reason, message: expect.stringContaining(words) });
    expect(found?.message).toMatch(/^spec.targets\[0\]: /);
  });
});
