/**
 * Rollouts as targets: first in a cluster that has none, which then gets them. With a stand-in for their controller, or with
 * `make rollouts` with that controller itself.
 */
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { beforeAll, describe, expect, inject, it } from 'vitest';
import type { KubeObject } from '../support/cluster/kubeobject.ts';
import { freezeSecrets, thawSecrets } from '../support/node/faults.ts';
import { findRolloutsController, type RolloutsController } from '../support/rollouts/controller.ts';
import { countCalls, sumOf } from '../support/scenario/audit.ts';
import { declareEmergency, waitUntilGone } from '../support/scenario/emergency.ts';
import { untilEvent } from '../support/scenario/events.ts';
import { letRestartRollouts, OPERATOR_USER } from '../support/scenario/install.ts';
import { grantLeast, refusedTo, unneeded, verbsOf } from '../support/scenario/least-rights.ts';
import {
  conditionOf,
  readState,
  requestRotation,
  waitUntilDone,
  waitUntilReady,
} from '../support/scenario/rotation.ts';
import { openScene, type Scene, type SceneOptions, settled } from '../support/scenario/scene.ts';
import { deletePodsOn, deploymentOf, type ServiceOptions } from '../support/scenario/services.ts';
import { until } from '../support/scenario/until.ts';

const cluster = inject('cluster');
const canary = { path: '/auth/verify', port: 8000 };
const MAIN = { kind: 'Rollout', name: 'main', canary };
const OTHER = { kind: 'Deployment', name: 'autoscraper', roles: ['Verifier'], canary: { ...canary, port: 8001 } };
const everybody = ['autoscraper', 'main', 'main'];
/** One pod a node: if all of a service had the stale Secret of one node, it would be taken for a service of one key. */
const APART = {
  podAntiAffinity: {
    requiredDuringSchedulingIgnoredDuringExecution: [
      { topologyKey: 'kubernetes.io/hostname', labelSelector: { matchLabels: { app: 'main' } } },
    ],
  },
};
/** A delivery would stop at the pause, for ever. */
const STEPS = { canary: { steps: [{ setWeight: 50 }, { pause: {} }] } };
const TIMES = { tokenTtlSeconds: 5, prestopSeconds: 0.5 };

interface RolloutObject extends KubeObject {
  readonly spec: { readonly restartAt?: string };
  readonly status?: Readonly<Record<string, unknown>>;
}

/** Each takes minutes of a small machine: `make rollouts` runs them all, `make test` some. */
const thorough = it.runIf(process.env.REKEY_ROLLOUTS !== undefined);

let argo: RolloutsController;
/** By namespace. */
const controllers = new Map<string, { stop(): Promise<void> }>();

beforeAll(async () => {
  argo = await findRolloutsController((line) => process.stderr.write(`${line}\n`));
}, 1_800_000);

/** A Rollout and a Deployment share the key; nothing runs for the Rollout yet, and no operator. */
function open(spec: SceneOptions['spec'] = {}, autoscraper: ServiceOptions = {}): Promise<Scene> {
  const services = { autoscraper: { replicas: 1, ...autoscraper } };
  return openScene(cluster, {
    adopt: false,
    fleet: { only: ['autoscraper'], services },
    spec: { targets: [MAIN, OTHER], ...spec },
  });
}

/** The template of the service main, with more in the spec of its pods. */
function templateOf(more: object): object {
  const { template } = deploymentOf('main', '', TIMES).spec as { template: { spec: object } };
  return { ...template, spec: { ...template.spec, ...more } };
}

/** The service main as a Rollout of two pods, with what it may refer to. */
async function createMain({ api, namespace }: Scene, edit: object = {}): Promise<void> {
  const shown = deploymentOf('main', namespace, TIMES);
  const { strategy: _, replicas, ...spec } = shown.spec as Record<string, unknown>;
  if ('workloadRef' in edit) {
    const metadata = { ...shown.metadata, name: 'main-template' };
    await api.create({ ...shown, metadata, spec: { ...spec, replicas: 0 } });
  }
  await api.create({
    kind: 'Service',
    metadata: { namespace, name: 'main' },
    spec: { selector: { app: 'main' }, ports: [{ port: 8000 }] },
  });
  await api.create({
    kind: 'Rollout',
    metadata: { namespace, name: 'main' },
    spec: { ...spec, replicas: 2, strategy: STEPS, ...edit },
  });
}

const readMain = ({ api, namespace }: Scene) => api.get<RolloutObject>({ kind: 'Rollout', namespace, name: 'main' });

/** Opens a scene in which all of it runs and the Secret is adopted. */
async function running(
  edit: object = {},
  spec: SceneOptions['spec'] = {},
  autoscraper: ServiceOptions = {},
): Promise<Scene> {
  const scene = await open(spec, autoscraper);
  await letRestartRollouts(scene.api, scene.namespace);
  await startController(scene);
  await createMain(scene, edit);
  await waitForPods(scene);
  await scene.operator();
  await waitUntilReady(scene.api, scene.namespace, scene.name);
  return scene;
}

async function startController({ namespace }: Scene): Promise<void> {
  const { kubeconfig, dir } = cluster;
  controllers.set(namespace, await argo.start({ kubeconfig, namespace, dir: join(dir, namespace) }));
}

/** @returns where key bytes were found */
async function close(scene: Scene): Promise<readonly unknown[]> {
  const leaks = await scene.close();
  await controllers.get(scene.namespace)?.stop();
  return leaks;
}

function waitForPods(scene: Scene): Promise<unknown> {
  return until('the pods of main are ready, by its status too', async () => {
    const { status } = await readMain(scene);
    return status?.availableReplicas === 2 && scene.pods.endpoints().filter(({ ready }) => ready).length === 3;
  });
}

/** What the stable pods are of: a delivery makes another ReplicaSet. */
async function replicaSets({ api, namespace }: Scene): Promise<readonly string[]> {
  const { items } = await api.list({ kind: 'ReplicaSet', namespace });
  return items.map(({ metadata }) => metadata.name).filter((name) => name.startsWith('main-'));
}

const isMain = ({ metadata }: KubeObject) => metadata.name.startsWith('main-');

async function reasonOf({ api, namespace, name }: Scene): Promise<string | undefined> {
  return conditionOf((await readState(api, namespace, name)).resource, 'Ready')?.reason;
}

/** Rotates once under traffic. Nothing is rejected, the old key is dead, and no delivery was started. */
async function rotate(scene: Scene): Promise<void> {
  const { api, namespace, name, firstKey } = scene;
  const before = await replicaSets(scene);
  const traffic = scene.traffic();
  const requestedAt = await requestRotation(api, namespace, name);
  const { keyset } = await waitUntilDone(api, namespace, name, { requestedAt, timeoutMs: 400_000 });
  expect(keyset?.rotation).toMatchObject({ outcome: 'Completed' });
  const report = await settled(traffic);
  expect(report.rejections).toEqual([]);
  expect(report.checks).toBeGreaterThan(report.issued);
  expect(await scene.accepting(scene.keys.signingKeys().at(-1) ?? '')).toEqual(everybody);
  expect(await scene.accepting(firstKey)).toEqual([]);
  expect(await replicaSets(scene)).toEqual(before);
  const { metadata, spec, status } = await readMain(scene);
  expect(metadata.annotations).toMatchObject({ 'rekey.dev/keyset-version': String(keyset?.version) });
  expect(status).toMatchObject({ restartedAt: spec.restartAt });
}

describe('a cluster without Rollouts', () => {
  it('is told of and asked no more than that, and rotates once it has them and rekey may restart them', async () => {
    const scene = await open();
    const { api, namespace, name, pods } = scene;
    const before = await api.get({ kind: 'Secret', namespace, name });
    const since = Date.now();
    const operator = await scene.operator();
    await operator.waitUntilReady();
    await until('the missing API is told', async () => (await reasonOf(scene)) === 'NotSupported');
    const { resource } = await readState(api, namespace, name);
    expect(conditionOf(resource, 'Ready')?.message).toContain('rollouts.argoproj.io');
    expect((await api.get({ kind: 'Secret', namespace, name })).metadata.resourceVersion).toBe(
      before.metadata.resourceVersion,
    );
    const calls = countCalls(cluster.auditLogPath, { user: OPERATOR_USER, namespace, since });
    expect(sumOf(calls, 'rollouts')).toBe(0);

    await argo.installCrds(api);
    await startController(scene);
    await createMain(scene);
    await waitForPods(scene);
    await waitUntilReady(api, namespace, name);
    await requestRotation(api, namespace, name, 'early');
    await until('the missing right is told', async () => (await reasonOf(scene)) === 'Forbidden');
    // the other target may be in the middle of its restart, with a pod more
    expect(pods.endpoints().filter(({ ready }) => ready).length).toBeGreaterThanOrEqual(3);
    await letRestartRollouts(api, namespace);
    await waitUntilDone(api, namespace, name, { requestedAt: 'early' });
    await rotate(scene);
    expect(await close(scene)).toEqual([]);
  });
});

describe.concurrent('a rotation of a Rollout', () => {
  it('needs the rights that rbac prints, of them the one on Rollouts, and no more', async () => {
    const scene = await open();
    await startController(scene);
    await createMain(scene);
    await waitForPods(scene);
    const rules = await grantLeast(cluster, scene);
    await scene.operator();
    await waitUntilReady(scene.api, scene.namespace, scene.name);
    await rotate(scene);
    expect(refusedTo(cluster, scene)).toEqual([]);
    expect(verbsOf(rules)).toContain('patch rollouts');
    expect(unneeded(cluster, scene, rules)).not.toContain('patch rollouts main');
    expect(await close(scene)).toEqual([]);
  });

  thorough('goes on while it is paused by hand', async () => {
    const scene = await running();
    await scene.api.patch({ kind: 'Rollout', namespace: scene.namespace, name: 'main' }, { spec: { paused: true } });
    await rotate(scene);
    expect((await readMain(scene)).status).toMatchObject({ phase: 'Paused' });
    expect(await close(scene)).toEqual([]);
  });

  thorough('is the same where it is delivered in blue and green', async () => {
    const scene = await running({ strategy: { blueGreen: { activeService: 'main', autoPromotionEnabled: false } } });
    await rotate(scene);
    expect(await close(scene)).toEqual([]);
  });

  thorough('is the same where its template is that of a Deployment', async () => {
    const workloadRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'main-template' };
    const scene = await running({ workloadRef, template: undefined, selector: undefined });
    await rotate(scene);
    expect(await close(scene)).toEqual([]);
  });

  thorough('without a canary is inferred: every pod was created when the write had spread', async () => {
    const scene = await running({}, { targets: [{ ...MAIN, canary: undefined }, OTHER] });
    await rotate(scene);
    const { resource } = await readState(scene.api, scene.namespace, scene.name);
    expect(conditionOf(resource, 'Verified')).toMatchObject({ status: 'False', reason: 'Inferred' });
    const { restartAt = '' } = (await readMain(scene)).spec;
    const { keyset } = await readState(scene.api, scene.namespace, scene.name);
    const { writtenAt: retired = Number.NaN } = keyset?.history.at(-1) ?? {};
    expect(Date.parse(restartAt)).toBeGreaterThanOrEqual(retired + 1_000);
    const created = scene.pods.pods().filter(isMain);
    expect(created).toHaveLength(2);
    for (const { metadata } of created) {
      expect(Date.parse(metadata.creationTimestamp ?? '')).toBeGreaterThanOrEqual(Date.parse(restartAt));
    }
    expect(await close(scene)).toEqual([]);
  });

  it('catches a pod that was restarted with the stale Secret, and goes on when it is deleted, as it asks for', async () => {
    const [node = '', nodeName = ''] = cluster.nodes.map((each) => each.name);
    const scene = await running({ template: templateOf({ affinity: APART }) }, {}, { pod: { nodeName } });
    const { api, namespace, name } = scene;
    await freezeSecrets(api, node, [{ namespace, name }]);
    const traffic = scene.traffic();
    const requestedAt = await requestRotation(api, namespace, name);
    await untilEvent({ api, namespace }, 'PodStale', 'main-');
    expect((await readState(api, namespace, name)).keyset?.phase).toBe('Staging');
    await thawSecrets(api, node, [{ namespace, name }]);
    await deletePodsOn(api, namespace, node, 'main');
    await waitUntilDone(api, namespace, name, { requestedAt });
    expect((await settled(traffic)).rejections).toEqual([]);
    expect(await scene.accepting(scene.firstKey)).toEqual([]);
    expect(await close(scene)).toEqual([]);
  });
});

describe.concurrent('a Rollout in the middle of a delivery', () => {
  thorough(
    'delays a rotation, and no emergency: pods of both templates are replaced, and the delivery stays where it is',
    async () => {
      const scene = await running();
      const { api, namespace, name } = scene;
      const annotations = { release: '2' };
      await api.patch(
        { kind: 'Rollout', namespace, name: 'main' },
        { spec: { template: { metadata: { annotations } } } },
      );
      await until('the delivery is paused at its second step', async () => {
        const { status } = await readMain(scene);
        return status?.phase === 'Paused' && status.updatedReplicas === 1 && status.availableReplicas === 2;
      });
      await requestRotation(api, namespace, name);
      await until('the rotation waits', async () => (await reasonOf(scene)) === 'RolloutInProgress');
      const templates = () =>
        scene.pods
          .pods()
          .filter(isMain)
          .map(({ metadata }) => metadata.labels?.['rollouts-pod-template-hash']);
      const before = templates().sort();
      expect(new Set(before).size).toBe(2);
      await declareEmergency(scene, 'n1: leaked');
      await waitUntilGone(scene, 'n1');
      expect(await scene.accepting(scene.firstKey)).toEqual([]);
      expect(await scene.accepting(scene.keys.signingKeys().at(-1) ?? '')).toEqual(everybody);
      await until('both have their pods again', async () => isDeepStrictEqual(templates().sort(), before));
      expect((await readMain(scene)).status).toMatchObject({ phase: 'Paused', updatedReplicas: 1 });
      expect(await close(scene)).toEqual([]);
    },
  );
});

describe.concurrent('an emergency over a Rollout', () => {
  const modes = process.env.REKEY_ROLLOUTS === undefined ? ['FailClosed'] : ['FailClosed', 'Rolling'];
  it.each(modes)('is proved to be over (%s)', async (mode) => {
    const scene = await running({}, { emergency: { mode } });
    await declareEmergency(scene, 'n1: leaked');
    const { keyset } = await waitUntilGone(scene, 'n1');
    expect(await scene.accepting(scene.firstKey)).toEqual([]);
    expect(await scene.accepting(scene.keys.signingKeys().at(-1) ?? '')).toEqual(everybody);
    const { restartAt } = (await readMain(scene)).spec;
    const written = Math.ceil((keyset?.history.at(-1)?.writtenAt ?? 0) / 1_000) * 1_000;
    expect(Date.parse(restartAt ?? '')).toEqual(mode === 'Rolling' ? written : Number.NaN);
    expect(await close(scene)).toEqual([]);
  });
});

describe('a cluster that loses its Rollouts', () => {
  thorough('leaves the operator ready, and the resource waiting', async () => {
    const scene = await running();
    const [operator] = scene.operators();
    await argo.removeCrds(scene.api);
    await until('the missing API is told', async () => (await reasonOf(scene)) === 'NotSupported');
    await operator?.waitUntilReady();
    expect(await close(scene)).toEqual([]);
  });
});
