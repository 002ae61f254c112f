/** What goes wrong around a rotation on a real API server, each under traffic: nothing may be rejected. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, inject, it } from 'vitest';
import { STATE } from '../../src/rotation/api/names.ts';
import { freezeSecrets, thawSecrets } from '../support/node/faults.ts';
import { eventsIn, untilEvent } from '../support/scenario/events.ts';
import { startApiProxy } from '../support/scenario/proxy.ts';
import {
  conditionOf,
  goOn,
  RESTS_STAGED,
  readState,
  requestRotation,
  restAtDraining,
  waitForPhase,
  waitUntilDone,
  waitUntilReady,
  waitUntilTold,
} from '../support/scenario/rotation.ts';
import { openScene, type Scene, settled } from '../support/scenario/scene.ts';
import { until } from '../support/scenario/until.ts';

const cluster = inject('cluster');

const eventsOf = async ({ api, namespace }: Scene) => (await eventsIn(api, namespace)).map(({ reason }) => reason);

async function expectNothingRejected(traffic: Parameters<typeof settled>[0]) {
  const report = await settled(traffic);
  expect(report.rejections).toEqual([]);
  expect(report.checks).toBeGreaterThan(report.issued);
}

async function expectCompleted(scene: Scene, traffic: Parameters<typeof settled>[0]) {
  await expectNothingRejected(traffic);
  const [, newKey = ''] = scene.keys.signingKeys();
  expect(scene.keys.signingKeys()).toHaveLength(2);
  expect(await scene.accepting(newKey)).toEqual(['admin', 'autoscraper', 'main', 'main']);
  expect(await scene.accepting(scene.firstKey)).toEqual([]);
  expect(await scene.close()).toEqual([]);
}

/** The pods of one template on both nodes: if all of a target were stale it would be taken for a service of one key. */
const SPREAD = {
  topologySpreadConstraints: [
    {
      maxSkew: 1,
      topologyKey: 'kubernetes.io/hostname',
      whenUnsatisfiable: 'DoNotSchedule',
      labelSelector: { matchLabels: { app: 'main' } },
      matchLabelKeys: ['pod-template-hash'],
    },
  ],
};

describe.concurrent('a rotation', () => {
  it('catches a pod that started with the stale Secret, replaces it, and does not promote before', async () => {
    const [node = '', nodeName = ''] = cluster.nodes.map((each) => each.name);
    const elsewhere = { replicas: 1, pod: { nodeName } };
    const services = { main: { replicas: 2, pod: SPREAD }, autoscraper: elsewhere, admin: elsewhere };
    // the node lags for longer than is assumed: after the time-out its pod has one more chance
    const scene = await openScene(cluster, { fleet: { services }, spec: { rolloutTimeout: '60s' } });
    const { api, namespace, name } = scene;
    const traffic = scene.traffic();
    await freezeSecrets(api, node, [{ namespace, name }]);
    const requestedAt = await requestRotation(api, namespace, name);
    await untilEvent({ api, namespace }, 'PodStale');
    expect((await readState(api, namespace, name)).keyset?.phase).toBe('Staging');
    await thawSecrets(api, node, [{ namespace, name }]);
    const { keyset } = await waitUntilDone(api, namespace, name, { requestedAt });
    expect(keyset?.rotation?.outcome).toBe('Completed');
    expect(await eventsOf(scene)).toContain('StalePod');
    await expectCompleted(scene, traffic);
  });

  it('finds a service that verifies with one key only at stage, and aborts', async () => {
    const scene = await openScene(cluster, {
      fleet: { services: { admin: { replicas: 2, env: { KEY_MODE: 'single' } } } },
    });
    const { api, namespace, name } = scene;
    const traffic = scene.traffic();
    const requestedAt = await requestRotation(api, namespace, name);
    const { keyset, resource, secret } = await waitUntilDone(api, namespace, name, { requestedAt });
    expect(keyset?.rotation).toMatchObject({ outcome: 'Aborted', failure: { reason: 'SingleKeyService' } });
    expect(resource.status?.history?.[0]).toMatchObject({ outcome: 'Aborted' });
    await expectNothingRejected(traffic);
    expect(scene.keys.signingKeys()).toEqual([scene.firstKey]);
    expect(await scene.accepting(scene.firstKey)).toEqual(['admin', 'admin', 'autoscraper', 'main', 'main']);
    expect(await eventsOf(scene)).toContain('RotationFailed');
    // the schedule asks for it again, and is kept waiting
    const attempts = JSON.parse(secret?.metadata.annotations?.[STATE.attempts] ?? '');
    const due = JSON.stringify({ ...attempts, since: '2020-01-01T00:00:00.000Z' });
    await api.patch({ kind: 'Secret', namespace, name }, { metadata: { annotations: { [STATE.attempts]: due } } });
    const held = await waitUntilTold(api, namespace, name, 'BackingOff');
    expect(conditionOf(held.resource, 'Ready')?.message).toContain('the last rotation failed (SingleKeyService: admin');
    expect(conditionOf(held.resource, 'Degraded')?.status).toBe('False');
    expect(scene.keys.signingKeys()).toEqual([scene.firstKey]);
    expect(await scene.close()).toEqual([]);
  });

  it('gets through while somebody else writes the Secret all the time', async () => {
    const scene = await openScene(cluster);
    const { api, namespace, name } = scene;
    const traffic = scene.traffic();
    const requestedAt = await requestRotation(api, namespace, name);
    let touches = 0;
    const stop = new AbortController();
    const touching = (async () => {
      while (!stop.signal.aborted) {
        touches += 1;
        await api.patch(
          { kind: 'Secret', namespace, name },
          { metadata: { annotations: { 'example.com/touched': String(touches) } } },
        );
        await sleep(20);
      }
    })();
    await waitUntilDone(api, namespace, name, { requestedAt });
    stop.abort();
    await touching;
    // a write of rekey's falls between two of them, however slow the machine
    expect(touches).toBeGreaterThan(20);
    await expectCompleted(scene, traffic);
  });

  it('stands still and goes on when the API server is away for ten seconds', async () => {
    const scene = await openScene(cluster, { adopt: false });
    const { api, namespace, name } = scene;
    const proxy = await startApiProxy(scene.kubeconfig);
    const operator = await scene.operator({ kubeconfig: proxy.kubeconfig, flags: ['--no-leader-election'] });
    await waitUntilReady(api, namespace, name);
    const traffic = scene.traffic();
    const requestedAt = await requestRotation(api, namespace, name);
    await until('the new key is staged', async () => scene.keys.versions().some(({ phase }) => phase === 'Staging'));
    proxy.cut();
    await sleep(10_000);
    proxy.mend();
    await waitUntilDone(api, namespace, name, { requestedAt });
    expect(operator.lines().some(({ message }) => message.includes('list or watch failed'))).toBe(true);
    await expectCompleted(scene, traffic);
    await proxy.close();
  });

  it('writes nothing over a Secret that somebody edits in the middle, and goes on when it is put back', async () => {
    const scene = await openScene(cluster, { spec: RESTS_STAGED });
    const { api, namespace, name } = scene;
    const traffic = scene.traffic();
    const requestedAt = await requestRotation(api, namespace, name);
    await waitForPhase(api, namespace, name, 'Staged');
    await restAtDraining(api, namespace, name);
    const { secret } = await waitForPhase(api, namespace, name, 'Draining');
    const good = secret?.data?.JWT_SECRET_KEY_FALLBACKS;
    const edit = (value: string | undefined) =>
      api.patch({ kind: 'Secret', namespace, name }, { data: { JWT_SECRET_KEY_FALLBACKS: value } });
    await edit(Buffer.from('x'.repeat(64)).toString('base64'));
    await waitUntilTold(api, namespace, name, 'ForeignWriter', 'Degraded');
    // the drain time is over, and nothing is written all the same
    const writes = scene.keys.versions().length;
    await goOn(api, namespace, name);
    await sleep(9_000);
    expect(scene.keys.versions()).toHaveLength(writes);
    await edit(good);
    await waitUntilDone(api, namespace, name, { requestedAt });
    await expectCompleted(scene, traffic);
  });
});
