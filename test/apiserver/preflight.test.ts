/** What is checked of the surroundings before a rotation starts, and what stops none, on a real API server. */
import { describe, expect, inject, it } from 'vitest';
import { KEYSET_VERSION } from '../../src/rotation/api/names.ts';
import { faultAnnotations } from '../support/node/faults.ts';
import type { Pod } from '../support/node/types.ts';
import { eventsIn, untilEvent } from '../support/scenario/events.ts';
import {
  conditionOf,
  goOn,
  readState,
  requestRotation,
  restAtDraining,
  waitFor,
  waitUntilDone,
  waitUntilReady,
  waitUntilTold,
} from '../support/scenario/rotation.ts';
import { openScene, type Scene, settled } from '../support/scenario/scene.ts';
import { deploymentOf, waitForServices } from '../support/scenario/services.ts';
import { until } from '../support/scenario/until.ts';

const cluster = inject('cluster');
const AUTO = 'reloader.stakater.com/auto';
const NOBODY = { main: { replicas: 0 }, autoscraper: { replicas: 0 }, admin: { replicas: 0 } };

function annotate({ api, namespace }: Scene, name: string, annotations: Readonly<Record<string, string | null>>) {
  return api.patch({ kind: 'Deployment', namespace, name }, { metadata: { annotations } });
}

describe.concurrent('Reloader beside rekey', () => {
  it('holds up a cutover before the write, until its annotation is gone', async () => {
    const scene = await openScene(cluster, {
      fleet: { services: NOBODY },
      spec: { strategy: 'Cutover', allowCutover: true },
    });
    const { api, namespace, name } = scene;
    await annotate(scene, 'admin', { [AUTO]: 'true' });
    // the cache of the operator must have seen it, or the rotation would be over before
    await untilEvent({ api, namespace }, 'ReloaderPresent');
    const requestedAt = await requestRotation(api, namespace, name);
    const { resource, keyset } = await waitUntilTold(api, namespace, name, 'ReloaderPresent');
    expect(conditionOf(resource, 'Ready')?.message).toContain(`the annotation ${AUTO} of Deployment/admin`);
    expect(keyset).toMatchObject({ phase: 'Steady', version: 1 });
    expect(scene.keys.signingKeys()).toEqual([scene.firstKey]);
    await annotate(scene, 'admin', { [AUTO]: null });
    const done = await waitUntilDone(api, namespace, name, { requestedAt });
    expect(done.keyset?.rotation?.outcome).toBe('Completed');
    expect(await scene.close()).toEqual([]);
  });

  it('is told and holds up nothing else', async () => {
    const scene = await openScene(cluster, { fleet: { services: NOBODY } });
    const { api, namespace, name } = scene;
    await annotate(scene, 'main', { 'secret.reloader.stakater.com/reload': name });
    await untilEvent({ api, namespace }, 'ReloaderPresent');
    const { keyset } = await waitUntilDone(api, namespace, name, {
      requestedAt: await requestRotation(api, namespace, name),
    });
    expect(keyset?.rotation?.outcome).toBe('Completed');
    // told once, not in each pass
    const told = (await eventsIn(api, namespace)).filter(({ reason }) => reason === 'ReloaderPresent');
    expect(told).toHaveLength(1);
    expect(await scene.close()).toEqual([]);
  });
});

describe.concurrent('a PodDisruptionBudget that lets no pod go', () => {
  it('holds up the start where rekey evicts the pods itself, until it lets one go', async () => {
    const canary = (port: number) => ({ path: '/auth/verify', port });
    const targets = [
      { kind: 'Deployment', name: 'main', canary: canary(8000) },
      { kind: 'StatefulSet', name: 'autoscraper', roles: ['Verifier'], canary: canary(8001) },
    ];
    const scene = await openScene(cluster, { adopt: false, fleet: { only: ['main'] }, spec: { targets } });
    const { api, namespace, name } = scene;
    const { strategy: _, ...spec } = deploymentOf('autoscraper', namespace, { prestopSeconds: 0.5 }).spec as Record<
      string,
      unknown
    >;
    const updateStrategy = { type: 'OnDelete' };
    await api.create({
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { namespace, name: 'autoscraper' },
      spec: { ...spec, replicas: 2, serviceName: 'none', updateStrategy },
    } as never);
    const budget = { kind: 'PodDisruptionBudget', namespace, name: 'strict' };
    const selector = { matchLabels: { app: 'autoscraper' } };
    await api.create({
      kind: budget.kind,
      metadata: { namespace, name: 'strict' },
      spec: { maxUnavailable: 0, selector },
    } as never);
    await scene.operator();
    await waitUntilReady(api, namespace, name);
    await until('all pods are ready', async () => scene.pods.endpoints().filter(({ ready }) => ready).length === 4);
    await until('the budget counts them', async () => {
      const { status } = await api.get<{ status?: { currentHealthy?: number } } & { metadata: never }>(budget);
      return status?.currentHealthy === 2;
    });
    const requestedAt = await requestRotation(api, namespace, name);
    const { resource, keyset } = await waitUntilTold(api, namespace, name, 'DisruptionBlocked');
    expect(conditionOf(resource, 'Ready')?.message).toContain('spec.targets[1]: PodDisruptionBudget strict');
    expect(keyset).toMatchObject({ phase: 'Steady', version: 1 });
    await api.patch(budget, { spec: { maxUnavailable: 1 } });
    const done = await waitUntilDone(api, namespace, name, { requestedAt });
    expect(done.keyset?.rotation?.outcome).toBe('Completed');
    expect(await scene.close()).toEqual([]);
  });
});

describe.concurrent('a rotation', () => {
  it('goes on with a target without pods, and one that its autoscaler scales up while the signers are restarted', async () => {
    // slow enough for the restart of all to outlast the time that a write is given to spread
    const slow = { replicas: 2, annotations: { [faultAnnotations.startDelay]: '4s' } };
    const scene = await openScene(cluster, { fleet: { services: { main: slow, admin: { replicas: 0 } } } });
    const { api, namespace, name } = scene;
    const traffic = scene.traffic();
    const requestedAt = await requestRotation(api, namespace, name);
    await until('the new key is staged', async () => scene.keys.versions().some(({ phase }) => phase === 'Staging'));
    await restAtDraining(api, namespace, name);
    await waitFor(api, namespace, name, 'the new key signs', ({ keyset }) => keyset?.phase === 'Promoting');
    const scaleTargetRef = { apiVersion: 'apps/v1', kind: 'Deployment', name: 'main' };
    await api.create({
      kind: 'HorizontalPodAutoscaler',
      metadata: { namespace, name: 'main' },
      spec: { scaleTargetRef, minReplicas: 4, maxReplicas: 4 },
    } as never);
    // what starts now is waited for: nobody signs with the old key when the wait for its tokens begins
    await waitFor(api, namespace, name, 'the old key drains', ({ keyset }) => keyset?.phase === 'Draining');
    const signers = async () => {
      const { items } = await api.list<Pod>({ kind: 'Pod', namespace, labelSelector: 'app=main' });
      const running = items.filter(({ status }) => status?.containerStatuses?.some(({ state }) => state?.running));
      return running.map(({ metadata }) => metadata.annotations?.[KEYSET_VERSION]);
    };
    expect(new Set(await signers())).toEqual(new Set(['3']));
    await until('it is scaled up', async () => (await signers()).length === 4);
    expect(await signers()).toEqual(['3', '3', '3', '3']);
    await goOn(api, namespace, name);
    const [, newKey = ''] = scene.keys.signingKeys();
    await waitUntilDone(api, namespace, name, { requestedAt });
    expect((await readState(api, namespace, name)).keyset?.rotation?.outcome).toBe('Completed');
    await api.patch({ kind: 'Deployment', namespace, name: 'admin' }, { spec: { replicas: 1 } });
    await waitForServices(api, namespace);
    await until(
      'the pod that came late is seen',
      async () => scene.pods.endpoints().filter(({ ready }) => ready).length === 6,
    );
    expect((await settled(traffic)).rejections).toEqual([]);
    expect(await scene.accepting(newKey)).toEqual(['admin', 'autoscraper', 'main', 'main', 'main', 'main']);
    expect(await scene.accepting(scene.firstKey)).toEqual([]);
    expect(await scene.close()).toEqual([]);
  });
});
