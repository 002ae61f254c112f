/** What holds a rotation up once the Secret is taken over: each is told with its reason, no key is written, and when it is mended the rotation goes on. */
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { STATE } from '../../src/rotation/api/names.ts';
import { KubeApi } from '../support/cluster/kubeapi.ts';
import { faultAnnotations } from '../support/node/faults.ts';
import type { Pod, Secret } from '../support/node/types.ts';
import { eventsIn, untilEvent } from '../support/scenario/events.ts';
import { createNamespace, installOperator, letLead } from '../support/scenario/install.ts';
import { type OperatorOptions, type OperatorProcess, startOperator } from '../support/scenario/operator.ts';
import {
  conditionOf,
  readState,
  requestRotation,
  waitFor,
  waitUntilDone,
  waitUntilReady,
  waitUntilTold,
} from '../support/scenario/rotation.ts';
import {
  emptyDeployment,
  KEY,
  type Running,
  rotationName,
  rotationOf,
  runningDeployment,
  secretName,
  targetName,
} from '../support/scenario/single.ts';
import { until } from '../support/scenario/until.ts';

const cluster = inject('cluster');
const api = KubeApi.fromKubeconfig(cluster.kubeconfig);
const namespace = `holds-${randomUUID().slice(0, 8)}`;
const VERIFY = { path: '/auth/verify', port: 8000 };
const TIMES = { maxTokenTTL: '5s', clockSkew: '1s', retire: { slack: '1s' } };

interface Row {
  readonly reason: string;
  /** Must be in the message: the field, pod, key or time that it is about. */
  readonly names: string;
  readonly ready: 'True' | 'False';
  readonly degraded: 'True' | 'False';
  readonly spec?: Readonly<Record<string, unknown>>;
  /** The canary path of the one target. Without it nobody is asked. */
  readonly canary?: typeof VERIFY;
  /** The data of the Secret beside the signing key. */
  readonly data?: Readonly<Record<string, string>>;
  /** There is one pod; else there is none. */
  readonly pod?: Running;
  /** What is done once the Secret is taken over. */
  readonly spoil?: (id: string) => Promise<unknown>;
  /** Where a rotation is then asked for. */
  readonly asked?: true;
  /** What is done once the new key is staged. */
  readonly disturb?: (id: string) => Promise<unknown>;
  /** After this the rotation is completed. */
  readonly mend?: (id: string) => Promise<unknown>;
}

const secretOf = (id: string) => ({ kind: 'Secret', namespace, name: secretName(id) });
const targetOf = (id: string) => ({ kind: 'Deployment', namespace, name: targetName(id) });

/** Each takes part in a rollout that rekey did not begin. */
const deploy = (annotations: Readonly<Record<string, string | null>>, spec = {}) => {
  return (id: string) => api.patch(targetOf(id), { spec: { ...spec, template: { metadata: { annotations } } } });
};
const setCanary = (canary: typeof VERIFY) => (id: string) =>
  api.patch(
    { kind: 'JwtKeyRotation', namespace, name: rotationName(id) },
    { spec: { targets: [{ name: targetName(id), canary }] } },
  );

/** As a hand would that edits what rekey keeps in the annotations. */
async function editState(id: string, annotation: string, edit: (value: never) => unknown): Promise<void> {
  const { metadata } = await api.get<Secret>(secretOf(id));
  const value = JSON.stringify(edit(JSON.parse(metadata.annotations?.[annotation] ?? '') as never));
  await api.patch(secretOf(id), { metadata: { annotations: { [annotation]: value } } });
}

const lastChangeTook = (promotingMs: number) => (id: string) =>
  editState(id, STATE.attempts, (attempts: object) => ({ ...attempts, promotingMs }));

const NEVER_READY = { [faultAnnotations.notReady]: 'true' };
const AT_ONCE_READY = { [faultAnnotations.notReady]: null };
const SLOW = { [faultAnnotations.startDelay]: '300s' };
const NOT_SLOW = { [faultAnnotations.startDelay]: null };
const IN_DISTRESS = { ready: 'False', degraded: 'True' } as const;
const PASSING = { ready: 'False', degraded: 'False' } as const;

const ROWS: readonly Row[] = [
  {
    ...{ reason: 'WindowTooShort', names: 'spec.maintenanceWindows: the longest Allow window is 60 s' },
    ...IN_DISTRESS,
    spec: { maintenanceWindows: [{ schedule: '* * * * *', duration: '1m' }] },
    spoil: lastChangeTook(61_000),
    asked: true,
    mend: lastChangeTook(59_000),
  },
  {
    ...{ reason: 'OutsideWindow', names: 'waiting for a maintenance window (next', ready: 'True', degraded: 'False' },
    spec: { maintenanceWindows: [{ schedule: `0 ${(new Date().getUTCHours() + 12) % 24} * * *`, duration: '1h' }] },
    asked: true,
    mend: (id) =>
      api.patch(
        { kind: 'JwtKeyRotation', namespace, name: rotationName(id) },
        { spec: { maintenanceWindows: [{ schedule: '* * * * *', duration: '1h' }] } },
      ),
  },
  {
    ...{ reason: 'FoundKeysDraining', names: 'found in the fallbacks stay accepted until' },
    ...PASSING,
    // a service that knows one previous key cannot hold that and a staged one
    data: { JWT_SECRET_PREVIOUS: KEY.toUpperCase() },
    spec: { maxTokenTTL: '1h', secretKeys: { previous: 'JWT_SECRET_PREVIOUS' } },
    asked: true,
    mend: (id) =>
      api.patch({ kind: 'JwtKeyRotation', namespace, name: rotationName(id) }, { spec: { maxTokenTTL: '1s' } }),
  },
  {
    ...{ reason: 'UnsafeWrite', names: 'W1: a verifier may hold version 0, which refuses' },
    ...IN_DISTRESS,
    spoil: (id) =>
      // of what pods may have loaded before: the newest version must be what the keys say
      editState(id, STATE.history, (shapes: readonly object[]) =>
        shapes.map((shape, i) => (i === shapes.length - 1 ? shape : { ...shape, verify: [] })),
      ),
    asked: true,
  },
  {
    ...{ reason: 'Paused', names: 'rekey.dev/paused' },
    ...PASSING,
    spoil: (id) =>
      api.patch(
        { kind: 'JwtKeyRotation', namespace, name: rotationName(id) },
        { metadata: { annotations: { 'rekey.dev/paused': 'True' } } },
      ),
    asked: true,
    mend: (id) =>
      api.patch(
        { kind: 'JwtKeyRotation', namespace, name: rotationName(id) },
        { metadata: { annotations: { 'rekey.dev/paused': null } } },
      ),
  },
  {
    ...{ reason: 'PauseUnreadable', names: 'rekey.dev/paused is "until monday"' },
    ...IN_DISTRESS,
    spoil: (id) =>
      api.patch(
        { kind: 'JwtKeyRotation', namespace, name: rotationName(id) },
        { metadata: { annotations: { 'rekey.dev/paused': 'until monday' } } },
      ),
    asked: true,
    mend: (id) =>
      api.patch(
        { kind: 'JwtKeyRotation', namespace, name: rotationName(id) },
        { metadata: { annotations: { 'rekey.dev/paused': 'No' } } },
      ),
  },
  {
    ...{ reason: 'SecretDeleted', names: 'is gone, but pod' },
    ...IN_DISTRESS,
    pod: {},
    spoil: (id) => api.delete(secretOf(id)),
  },
  {
    ...{ reason: 'CanaryVoid', names: 'its canary path does not verify tokens' },
    ...IN_DISTRESS,
    pod: {},
    canary: { ...VERIFY, path: '/healthz' },
    asked: true,
    mend: setCanary(VERIFY),
  },
  {
    ...{ reason: 'CanaryRefused', names: 'as well as with a made-up one: the subject may be unknown' },
    ...IN_DISTRESS,
    pod: { env: { JWT_AUDIENCE: 'another' } },
    canary: VERIFY,
    asked: true,
    mend: (id) =>
      api.patch(
        { kind: 'JwtKeyRotation', namespace, name: rotationName(id) },
        { spec: { canary: { audience: 'another' } } },
      ),
  },
  {
    ...{ reason: 'CanaryUnanswered', names: 'has not answered its canary yet' },
    ...PASSING,
    pod: {},
    canary: { ...VERIFY, port: 9 },
    asked: true,
    mend: setCanary(VERIFY),
  },
  {
    ...{ reason: 'RolloutInProgress', names: 'is in the middle of a rollout' },
    ...PASSING,
    pod: { annotations: NEVER_READY },
    canary: VERIFY,
    asked: true,
    mend: deploy(AT_ONCE_READY),
  },
  {
    ...{ reason: 'RolloutFailed', names: 'has timed out progressing' },
    ...IN_DISTRESS,
    pod: { annotations: NEVER_READY, spec: { progressDeadlineSeconds: 2 } },
    canary: VERIFY,
    asked: true,
    mend: deploy(AT_ONCE_READY, { progressDeadlineSeconds: 600 }),
  },
  {
    ...{ reason: 'RolloutFailed', names: 'has timed out progressing' },
    ...IN_DISTRESS,
    pod: {},
    canary: VERIFY,
    asked: true,
    disturb: deploy(NEVER_READY, { progressDeadlineSeconds: 2 }),
    mend: deploy(AT_ONCE_READY, { progressDeadlineSeconds: 600 }),
  },
  {
    ...{ reason: 'RolloutStalled', names: 'longer than 5s: pods acknowledged' },
    ...IN_DISTRESS,
    spec: { rolloutTimeout: '5s' },
    pod: {},
    canary: VERIFY,
    asked: true,
    disturb: deploy(SLOW),
    mend: deploy(NOT_SLOW),
  },
];

async function make({ spec = {}, canary, data = {}, pod }: Row, id: string): Promise<void> {
  const stringData = { JWT_SECRET_KEY: KEY, ...data };
  await api.create({ kind: 'Secret', metadata: { namespace, name: secretName(id) }, stringData });
  const empty = () => emptyDeployment(namespace, targetName(id), id);
  await api.create(pod === undefined ? empty() : runningDeployment(namespace, id, pod));
  const target = { name: targetName(id), ...(canary && { canary }) };
  const claims = { issuer: 'remotehive', audience: 'remotehive' };
  const edit = { ...TIMES, targets: [target], canary: claims, ...spec };
  await api.create(rotationOf(namespace, rotationName(id), id, edit));
}

const operators: OperatorProcess[] = [];

async function run(place: string, options: Partial<OperatorOptions> = {}): Promise<OperatorProcess> {
  const { kubeconfig, programs } = cluster;
  const dir = join(cluster.dir, place);
  mkdirSync(dir, { recursive: true });
  const logFile = join(dir, 'operator.log');
  const started = await startOperator({
    ...{ program: programs?.operator, kubeconfig, logFile },
    ...{ namespaces: [place], leaseNamespace: place, ...options },
  });
  operators.push(started);
  return started;
}

beforeAll(async () => {
  await installOperator(api);
  await createNamespace(api, namespace);
  await letLead(api, namespace);
  await run(namespace);
});
afterAll(async () => {
  await Promise.all(operators.map((operator) => operator.stop()));
  await api.delete({ kind: 'Namespace', name: namespace });
  await api.close();
});

const keysIn = async (id: string) => (await api.find<Secret>(secretOf(id)))?.data;

describe.concurrent('a rotation is held up', () => {
  it.each(ROWS.map((row, i) => ({ ...row, id: String(i) })))('by $reason ($names)', async (row) => {
    const { id, reason, names, degraded } = row;
    const name = rotationName(id);
    await make(row, id);
    await waitFor(api, namespace, name, 'the Secret is taken over', ({ keyset }) => keyset !== undefined);
    if (row.pod !== undefined) {
      await until('the pod runs', async () => {
        const { items } = await api.list<Pod>({ kind: 'Pod', namespace, labelSelector: `app=${targetName(id)}` });
        return items[0]?.status?.phase === 'Running';
      });
    }
    await row.spoil?.(id);
    const requestedAt = row.asked && (await requestRotation(api, namespace, name));
    if (row.disturb !== undefined) {
      await waitFor(api, namespace, name, 'it has begun', ({ keyset }) => keyset?.rotation !== undefined);
      await row.disturb(id);
    }
    const { resource } = await waitUntilTold(api, namespace, name, reason);
    expect(conditionOf(resource, 'Ready')).toMatchObject({
      status: row.ready,
      message: expect.stringContaining(names),
    });
    expect(conditionOf(resource, 'Degraded')).toMatchObject({
      status: degraded,
      ...(degraded === 'True' && { reason }),
    });
    const isTold = async () => (await eventsIn(api, namespace, name)).some((event) => event.reason === reason);
    if (degraded === 'True') await untilEvent({ api, namespace, name }, reason);
    // nothing is written as long as it lasts
    const keys = await keysIn(id);
    await sleep(1_500);
    expect(await keysIn(id)).toEqual(keys);
    if (degraded === 'False') expect(await isTold()).toBe(false);
    if (row.mend === undefined || requestedAt === undefined) return;
    await row.mend(id);
    const { keyset } = await waitUntilDone(api, namespace, name, { requestedAt });
    expect(keyset?.rotation?.outcome).toBe('Completed');
    expect(await keysIn(id)).not.toEqual(keys);
  });

  it('by an answer that says nothing of the token: that is told at rest, before anybody asks for a rotation', async () => {
    const id = 'lasting';
    const name = rotationName(id);
    await make({ ...PASSING, reason: '', names: '', pod: {}, canary: { ...VERIFY, path: '/nowhere' } }, id);
    const { resource } = await waitFor(api, namespace, name, 'it is Degraded', (state) => {
      return conditionOf(state.resource, 'Degraded')?.status === 'True';
    });
    const { reason, message } = conditionOf(resource, 'Degraded') ?? {};
    expect(reason).toBe('CanaryUnanswered');
    expect(message).toMatch(/it answered 404\. Asked again and again at \/nowhere on port 8000, .* runbook/);
    await untilEvent({ api, namespace, name }, 'CanaryUnanswered', 'it answered 404');
    expect(conditionOf(resource, 'Verified')).toMatchObject({ status: 'Unknown', reason: 'NotAskedYet' });
    await setCanary(VERIFY)(id);
    await waitFor(api, namespace, name, 'it is mended', (state) => {
      const isMended = conditionOf(state.resource, 'Degraded')?.status === 'False';
      return isMended && conditionOf(state.resource, 'Verified')?.reason === 'NoRotationYet';
    });
    const requestedAt = await requestRotation(api, namespace, name);
    const { keyset } = await waitUntilDone(api, namespace, name, { requestedAt });
    expect(keyset?.rotation?.outcome).toBe('Completed');
    const told = (await eventsIn(api, namespace, name)).filter((event) => event.reason === 'CanaryUnanswered');
    expect(told).toHaveLength(1);
  });

  it('by nothing that is told only: pods that all go at once, an autoscaler at its limit, and a key that can be guessed', async () => {
    const name = rotationName('told');
    const stringData = { JWT_SECRET_KEY: 'keep-out'.repeat(8) };
    await api.create({ kind: 'Secret', metadata: { namespace, name: secretName('told') }, stringData });
    await api.create(runningDeployment(namespace, 'told', { spec: { strategy: { type: 'Recreate' } } }));
    await api.create(rotationOf(namespace, name, 'told', TIMES));
    await waitUntilReady(api, namespace, name);
    for (const [reason, note] of [
      [
        'RestartInterrupts',
        `Deployment/${targetName('told')}: its strategy Recreate stops all pods before it starts new ones`,
      ],
      ['WeakKey', 'can be guessed: it is shorter than 256 bits, or consists of words or a pattern; rotate it soon'],
    ]) {
      await untilEvent({ api, namespace, name }, reason ?? '', note);
    }
    const autoscaler = { kind: 'HorizontalPodAutoscaler', namespace, name: 'busy' };
    const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: targetName('told') };
    const metadata = { namespace, name: autoscaler.name };
    await api.create({ kind: autoscaler.kind, metadata, spec: { scaleTargetRef, maxReplicas: 1 } } as never);
    const limited = { type: 'ScalingLimited', status: 'True', reason: 'TooManyReplicas' };
    await api.patch({ ...autoscaler, subresource: 'status' }, { status: { conditions: [limited] } });
    const { keyset } = await waitUntilDone(api, namespace, name, {
      requestedAt: await requestRotation(api, namespace, name),
    });
    expect(keyset?.rotation?.outcome).toBe('Completed');
    const told = (await eventsIn(api, namespace, name)).filter(({ reason }) => reason === 'RestartUnderLoad');
    expect(told.map(({ note }) => note)).toEqual([
      expect.stringContaining(`${targetName('told')}: HorizontalPodAutoscaler busy wants more than its 1 pods`),
    ]);
  });

  it('by a clock that is ahead of the clock of the API server, until it agrees', async () => {
    const place = `${namespace}-clock`;
    const name = rotationName('clock');
    await createNamespace(api, place);
    await letLead(api, place);
    const stringData = { JWT_SECRET_KEY: KEY };
    await api.create({ kind: 'Secret', metadata: { namespace: place, name: secretName('clock') }, stringData });
    await api.create(emptyDeployment(place, targetName('clock'), 'clock'));
    await api.create(rotationOf(place, name, 'clock', TIMES));
    const nodeFlags = ['--import', join(import.meta.dirname, '..', 'support', 'scenario', 'clock-ahead.mjs')];
    const ahead = await run(place, { nodeFlags, env: { CLOCK_AHEAD_MS: '9000' } });
    await waitUntilReady(api, place, name);
    const requestedAt = await requestRotation(api, place, name);
    const { resource, keyset } = await waitUntilTold(api, place, name, 'ClockSkew');
    expect(keyset?.phase).toBe('Staging');
    const message = expect.stringMatching(/the operator's clock is \d+s ahead of the clock of the API server/);
    expect(conditionOf(resource, 'Degraded')).toMatchObject({ status: 'True', reason: 'ClockSkew', message });
    await sleep(6_000);
    expect((await readState(api, place, name)).keyset?.phase).toBe('Staging');
    await ahead.stop();
    await run(place);
    const done = await waitUntilDone(api, place, name, { requestedAt });
    expect(done.keyset?.rotation?.outcome).toBe('Completed');
    await api.delete({ kind: 'Namespace', name: place });
  });
});
