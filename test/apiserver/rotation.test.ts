/** One rotation on a real API server, under traffic, with what happens to services in the middle of one. */
import { describe, expect, inject, it } from 'vitest';
import type { KubeObject } from '../support/cluster/kubeobject.ts';
import { setPodFaults } from '../support/node/faults.ts';
import { countCalls, sumOf } from '../support/scenario/audit.ts';
import { OPERATOR_USER } from '../support/scenario/install.ts';
import {
  conditionOf,
  goOn,
  RESTS_STAGED,
  readState,
  requestAbort,
  requestRotation,
  restAtDraining,
  waitFor,
  waitForPhase,
  waitUntilDone,
  waitUntilReady,
  waitUntilTold,
} from '../support/scenario/rotation.ts';
import { openScene, type Scene, settled } from '../support/scenario/scene.ts';
import { deploymentOf, revisions, waitForServices } from '../support/scenario/services.ts';
import { until } from '../support/scenario/until.ts';

const cluster = inject('cluster');
const MIXED = [
  { kind: 'Deployment', name: 'main', canary: { path: '/auth/verify', port: 8000 } },
  { kind: 'StatefulSet', name: 'autoscraper', roles: ['Verifier'], canary: { path: '/auth/verify', port: 8001 } },
  { kind: 'DaemonSet', name: 'admin', roles: ['Verifier'], canary: { path: '/auth/verify', port: 8002 } },
];
const everybody = ['admin', 'autoscraper', 'main', 'main'];

/** Nothing was rejected, enough was asked, the old key is dead and the new one lives, and no key byte was told. */
async function expectProof(scene: Scene, traffic: Parameters<typeof settled>[0], newKey: string, pods = everybody) {
  const report = await settled(traffic);
  expect(report.rejections).toEqual([]);
  expect(report.checks).toBeGreaterThan(report.issued);
  expect(await scene.accepting(newKey)).toEqual(pods);
  expect(await scene.accepting(scene.firstKey)).toEqual(newKey === scene.firstKey ? pods : []);
  expect(await scene.close()).toEqual([]);
}

describe.concurrent('a rotation under traffic', () => {
  it('rejects nothing, retires the old key everywhere and counts its steps', async () => {
    const scene = await openScene(cluster, {
      asShown: true,
      fleet: { services: { main: { replicas: 3 }, autoscraper: { replicas: 2 }, admin: { replicas: 2 } } },
    });
    const { api, namespace, name } = scene;
    const traffic = scene.traffic(10);
    const [before, since] = [await revisions(api, namespace), Date.now()];
    const requestedAt = await requestRotation(api, namespace, name);
    const { resource, keyset } = await waitUntilDone(api, namespace, name, { requestedAt });
    expect(keyset?.rotation).toMatchObject({ outcome: 'Completed', trigger: 'Annotation' });
    expect(conditionOf(resource, 'Verified')).toMatchObject({ status: 'True', reason: 'Canary' });
    expect(resource.status?.history).toHaveLength(1);
    const after = await revisions(api, namespace);
    const restarts = [...after].map(([service, revision]) => [service, revision - (before.get(service) ?? 0)]);
    expect(Object.fromEntries(restarts)).toEqual({ main: 3, autoscraper: 2, admin: 2 });
    // a restart that comes with an old version of its workload is refused, and asked for again
    const made = { writes: true, made: true };
    const calls = countCalls(cluster.auditLogPath, { user: OPERATOR_USER, namespace, since, ...made });
    expect(sumOf(calls, 'secrets')).toBe(5);
    expect(sumOf(calls, 'deployments')).toBe(7);
    const phases = scene.keys.versions().map((version) => version.phase);
    expect(phases).toEqual([undefined, 'Steady', 'Staging', 'Promoting', 'Draining', 'Retiring', 'Steady']);
    const [, newKey = ''] = scene.keys.signingKeys();
    await expectProof(scene, traffic, newKey, ['admin', 'admin', 'autoscraper', 'autoscraper', 'main', 'main', 'main']);
  });

  it('freezes when the resource is deleted in the middle, and goes on when it is applied again', async () => {
    const scene = await openScene(cluster, { spec: RESTS_STAGED });
    const { api, namespace, name } = scene;
    const resource = { kind: 'JwtKeyRotation', namespace, name } as const;
    const traffic = scene.traffic();
    await requestRotation(api, namespace, name);
    await waitFor(api, namespace, name, 'the new key is staged', ({ keyset }) => keyset?.phase === 'Staging');
    await restAtDraining(api, namespace, name);
    const { keyset: before } = await waitForPhase(api, namespace, name, 'Draining');
    const { apiVersion, kind, metadata, spec } = await api.get(resource);
    const [, newKey = ''] = scene.keys.signingKeys();
    const standing = async () => [await revisions(api, namespace), scene.keys.versions().length] as const;
    const stood = await standing();
    await api.delete(resource);
    await until('it is gone', async () => (await api.find(resource)) === undefined);
    // a person types a command or two; the operator has heard of it, and has nothing more to do
    await scene.operators()[0]?.stop();
    await scene.operator();
    for (const key of [scene.firstKey, newKey]) expect(await scene.accepting(key)).toEqual(everybody);
    expect(await standing()).toEqual(stood);
    // as it stands in Git: without the annotation that asked for the rotation
    const manifest = { apiVersion, kind, metadata: { namespace, name: metadata.name }, spec } as KubeObject;
    await api.create(manifest);
    await goOn(api, namespace, name);
    const { keyset } = await waitUntilDone(api, namespace, name);
    expect(keyset?.rotation).toMatchObject({ id: before?.rotation?.id, outcome: 'Completed' });
    expect(scene.keys.signingKeys()).toEqual([scene.firstKey, newKey]);
    await expectProof(scene, traffic, newKey);
  });

  it('goes on when a service is scaled up in the middle', async () => {
    const scene = await openScene(cluster, { spec: RESTS_STAGED });
    const { api, namespace, name } = scene;
    const traffic = scene.traffic();
    const requestedAt = await requestRotation(api, namespace, name);
    await waitFor(api, namespace, name, 'the new key is staged', ({ keyset }) => keyset?.phase === 'Staging');
    await api.patch({ kind: 'Deployment', namespace, name: 'admin' }, { spec: { replicas: 3 } });
    await restAtDraining(api, namespace, name);
    await waitForPhase(api, namespace, name, 'Draining');
    await api.patch({ kind: 'Deployment', namespace, name: 'main' }, { spec: { replicas: 3 } });
    await goOn(api, namespace, name);
    await waitUntilDone(api, namespace, name, { requestedAt });
    await waitForServices(api, namespace);
    const [, newKey = ''] = scene.keys.signingKeys();
    await expectProof(scene, traffic, newKey, ['admin', 'admin', 'admin', 'autoscraper', 'main', 'main', 'main']);
  });

  it('goes on when an old pod crashes and starts again with the new Secret', async () => {
    const scene = await openScene(cluster);
    const { api, namespace, name } = scene;
    const traffic = scene.traffic();
    const old = scene.pods.pods().find((pod) => pod.metadata.labels?.app === 'main')?.metadata.name ?? '';
    const requestedAt = await requestRotation(api, namespace, name);
    await waitFor(api, namespace, name, 'the new key is staged', ({ keyset }) => keyset?.phase === 'Staging');
    await setPodFaults(api, { namespace, name: old }, { crashNow: '1' });
    await waitUntilDone(api, namespace, name, { requestedAt });
    const [, newKey = ''] = scene.keys.signingKeys();
    await expectProof(scene, traffic, newKey);
  });

  it('takes an edit of the resource in the middle, but never drains for less', async () => {
    const scene = await openScene(cluster, { spec: RESTS_STAGED });
    const { api, namespace, name } = scene;
    const traffic = scene.traffic();
    const requestedAt = await requestRotation(api, namespace, name);
    await waitForPhase(api, namespace, name, 'Staged');
    await restAtDraining(api, namespace, name);
    const draining = await waitForPhase(api, namespace, name, 'Draining');
    const exit = draining.keyset?.keys.find(({ state }) => state === 'draining')?.lastSignerExit ?? Number.NaN;
    await api.patch(
      { kind: 'JwtKeyRotation', namespace, name },
      { spec: { maxTokenTTL: '1s', rotationPeriod: '30d' } },
    );
    const { keyset } = await waitUntilDone(api, namespace, name, { requestedAt });
    expect((keyset?.history.at(-1)?.writtenAt ?? 0) - exit).toBeGreaterThanOrEqual(7_000);
    expect(keyset?.rotation?.outcome).toBe('Completed');
    const [, newKey = ''] = scene.keys.signingKeys();
    await expectProof(scene, traffic, newKey);
  });

  it('is aborted before promote and rolled back after it, at no cost', async () => {
    const scene = await openScene(cluster, { spec: RESTS_STAGED });
    const { api, namespace, name } = scene;
    const traffic = scene.traffic();
    await requestRotation(api, namespace, name, '1');
    await waitFor(api, namespace, name, 'the new key is staged', ({ keyset }) => keyset?.phase === 'Staging');
    await requestAbort(api, namespace, name, 'a');
    const aborted = await waitUntilDone(api, namespace, name, { requestedAt: '1' });
    expect(aborted.keyset?.rotation).toMatchObject({ outcome: 'Aborted', failure: { reason: 'AbortRequested' } });
    await requestRotation(api, namespace, name, '2');
    await waitForPhase(api, namespace, name, 'Staged');
    await restAtDraining(api, namespace, name);
    await waitForPhase(api, namespace, name, 'Draining');
    await requestAbort(api, namespace, name, 'b');
    await waitFor(api, namespace, name, 'it goes back', ({ keyset }) => keyset?.rotation?.failure !== undefined);
    await goOn(api, namespace, name);
    const back = await waitUntilDone(api, namespace, name, { requestedAt: '2' });
    expect(back.keyset?.rotation).toMatchObject({ outcome: 'RolledBack', failure: { reason: 'AbortRequested' } });
    expect(back.resource.status?.failedAttempts).toBe(2);
    await expectProof(scene, traffic, scene.firstKey);
  });

  it('leaves the Secret when the resource is deleted, and finds its way when it is back', async () => {
    const scene = await openScene(cluster, { spec: RESTS_STAGED });
    const { api, namespace, name } = scene;
    const traffic = scene.traffic();
    await requestRotation(api, namespace, name, '1');
    await waitForPhase(api, namespace, name, 'Staged');
    await restAtDraining(api, namespace, name);
    const { resource } = await waitForPhase(api, namespace, name, 'Draining');
    await api.delete({ kind: 'JwtKeyRotation', namespace, name });
    const { spec, metadata } = resource;
    const { annotations = {} } = metadata;
    expect(await api.find({ kind: 'Secret', namespace, name })).toBeDefined();
    await api.create({ kind: 'JwtKeyRotation', metadata: { namespace, name, annotations }, spec } as never);
    await goOn(api, namespace, name);
    await waitUntilDone(api, namespace, name, { requestedAt: '1' });
    expect((await readState(api, namespace, name)).keyset?.rotation?.outcome).toBe('Completed');
    const [, newKey = ''] = scene.keys.signingKeys();
    await expectProof(scene, traffic, newKey);
  });

  it('restarts StatefulSets and DaemonSets, also those that wait for somebody to delete their pods', async () => {
    const scene = await openScene(cluster, { adopt: false, fleet: { only: ['main'] }, spec: { targets: MIXED } });
    const { api, namespace, name } = scene;
    const as = (service: 'autoscraper' | 'admin', kind: string, edit: object): KubeObject => {
      const { replicas, strategy, ...spec } = deploymentOf(service, namespace, {
        tokenTtlSeconds: 5,
        prestopSeconds: 0.5,
      }).spec as Record<string, unknown>;
      return { apiVersion: 'apps/v1', kind, metadata: { namespace, name: service }, spec: { ...spec, ...edit } };
    };
    await api.create(
      as('autoscraper', 'StatefulSet', { replicas: 2, serviceName: 'none', updateStrategy: { type: 'OnDelete' } }),
    );
    await api.create(as('admin', 'DaemonSet', {}));
    await scene.operator();
    await waitUntilReady(api, namespace, name);
    await until('all pods are ready', async () => scene.pods.endpoints().filter(({ ready }) => ready).length === 6);
    const traffic = scene.traffic();
    const requestedAt = await requestRotation(api, namespace, name);
    await waitUntilDone(api, namespace, name, { requestedAt });
    const [, newKey = ''] = scene.keys.signingKeys();
    const report = await settled(traffic);
    expect(report.rejections).toEqual([]);
    expect((await scene.accepting(newKey)).length).toBe(6);
    expect(await scene.accepting(scene.firstKey)).toEqual([]);
    expect(await scene.close()).toEqual([]);
  });

  it('is started from Git, and not while it is suspended', async () => {
    const scene = await openScene(cluster, { spec: { suspend: true, forceRotation: { reason: 'before' } } });
    const { api, namespace, name } = scene;
    const traffic = scene.traffic();
    const edit = (spec: object) => api.patch({ kind: 'JwtKeyRotation', namespace, name }, { spec });
    await edit({ forceRotation: { reason: 'INC-1' } });
    await waitUntilTold(api, namespace, name, 'Suspended');
    expect((await readState(api, namespace, name)).keyset?.version).toBe(1);
    await edit({ suspend: false });
    const { keyset } = await waitUntilDone(api, namespace, name);
    expect(keyset?.rotation).toMatchObject({ trigger: 'ForceRotation', reason: 'INC-1', outcome: 'Completed' });
    expect(keyset?.handled.forceReason).toBe('INC-1');
    const [, newKey = ''] = scene.keys.signingKeys();
    await expectProof(scene, traffic, newKey);
  });

  it('starts by its period, again and again', async () => {
    const scene = await openScene(cluster, { spec: { rotationPeriod: '8s' } });
    const { api, namespace, name } = scene;
    const traffic = scene.traffic();
    await waitFor(api, namespace, name, 'the second rotation has begun', () => scene.keys.signingKeys().length >= 3, {
      timeoutMs: 240_000,
    });
    await api.patch({ kind: 'JwtKeyRotation', namespace, name }, { spec: { suspend: true } });
    const { keyset } = await waitUntilDone(api, namespace, name);
    expect(keyset?.rotation).toMatchObject({ trigger: 'Schedule', outcome: 'Completed' });
    await expectProof(scene, traffic, scene.keys.signingKeys().at(-1) ?? '');
  });
});
