/** The other ways to rotate, on a real API server: cutover, pre-staged keys, lazy retirement, mounted files. */
import { importJWK, type JSONWebKeySet, jwtVerify, SignJWT } from 'jose';
import { describe, expect, inject, it } from 'vitest';
import { declareEmergency, waitUntilGone } from '../support/scenario/emergency.ts';
import { eventsIn } from '../support/scenario/events.ts';
import { conditionOf, readState, requestRotation, waitFor, waitUntilDone } from '../support/scenario/rotation.ts';
import { openScene, type Scene, type SceneOptions, settled } from '../support/scenario/scene.ts';
import { revisions, waitForServices } from '../support/scenario/services.ts';

const cluster = inject('cluster');
const everybody = ['admin', 'autoscraper', 'main', 'main'];
const single = { env: { KEY_MODE: 'single' } };
const SINGLE_KEY: SceneOptions['fleet'] = {
  services: {
    main: { ...single, replicas: 2 },
    autoscraper: { ...single, replicas: 1 },
    admin: { ...single, replicas: 1 },
  },
};

async function restarts(scene: Scene, work: () => Promise<unknown>): Promise<Record<string, number>> {
  const { api, namespace } = scene;
  const before = await revisions(api, namespace);
  await work();
  const after = await revisions(api, namespace);
  return Object.fromEntries([...after].map(([name, count]) => [name, count - (before.get(name) ?? 0)]));
}

async function rotate({ api, namespace, name }: Scene, requestedAt: string) {
  await requestRotation(api, namespace, name, requestedAt);
  return waitUntilDone(api, namespace, name, { requestedAt });
}

describe.concurrent('services that hold one key only', () => {
  it('are cut over at once inside a window, and the old key is dead everywhere', async () => {
    const night = { kind: 'Deny', schedule: '* * * * *', duration: '5m' };
    const scene = await openScene(cluster, {
      fleet: SINGLE_KEY,
      spec: { strategy: 'Auto', allowCutover: true, maintenanceWindows: [night] },
    });
    const { api, namespace, name, keys } = scene;
    await requestRotation(api, namespace, name, '1');
    // a window that never opens is told, and no token is given up
    await waitFor(api, namespace, name, 'it waits', ({ resource }) =>
      JSON.stringify(resource.status?.conditions).includes('InvalidWindow'),
    );
    expect(keys.signingKeys()).toEqual([scene.firstKey]);
    await api.patch({ kind: 'JwtKeyRotation', namespace, name }, { spec: { maintenanceWindows: [] } });
    const { keyset, resource } = await waitUntilDone(api, namespace, name, { requestedAt: '1' });
    expect(keyset).toMatchObject({ phase: 'Steady', rotation: { outcome: 'Completed', trigger: 'Annotation' } });
    expect(resource.status?.history?.[0]).toMatchObject({ outcome: 'Completed' });
    const newKey = keys.signingKeys().at(-1) ?? '';
    expect(await scene.accepting(newKey)).toEqual(everybody);
    expect(await scene.accepting(scene.firstKey)).toEqual([]);
    const told = await eventsIn(api, namespace);
    expect(told.find(({ reason }) => reason === 'CutoverStarted')?.note).toMatch(
      /a pod refuses every token of k-\w+ as soon as it is replaced/,
    );
    expect(await scene.close()).toEqual([]);
  });

  it('prove in an emergency that the burnt key is dead', async () => {
    const scene = await openScene(cluster, { fleet: SINGLE_KEY });
    const { api, namespace } = scene;
    await declareEmergency(scene, 'n1: leaked in a log');
    const { keyset } = await waitUntilGone(scene, 'n1');
    await waitForServices(api, namespace);
    expect(keyset).toMatchObject({ phase: 'Steady', emergency: { nonce: 'n1' } });
    expect(await scene.accepting(scene.firstKey)).toEqual([]);
    expect(await scene.accepting(scene.keys.signingKeys().at(-1) ?? '')).toEqual(everybody);
    expect(await scene.close()).toEqual([]);
  });
});

describe.concurrent('a rotation under traffic', () => {
  it('begins with the promotion where the key was staged by the one before (preStage)', async () => {
    const scene = await openScene(cluster, { spec: { preStage: true } });
    const traffic = scene.traffic();
    const first = await restarts(scene, () => rotate(scene, '1'));
    expect(first).toEqual({ main: 3, autoscraper: 2, admin: 2 });
    const { keyset } = await readState(scene.api, scene.namespace, scene.name);
    const staged = keyset?.keys.find(({ state }) => state === 'staged');
    expect(staged).toBeDefined();
    const second = await restarts(scene, () => rotate(scene, '2'));
    expect(second).toEqual({ main: 2, autoscraper: 1, admin: 1 });
    const after = await readState(scene.api, scene.namespace, scene.name);
    expect(after.keyset?.rotation).toMatchObject({ to: staged?.kid, outcome: 'Completed' });
    expect((await settled(traffic)).rejections).toEqual([]);
    expect(await scene.accepting(scene.firstKey)).toEqual([]);
    expect(await scene.close()).toEqual([]);
  });

  it('spares the verifiers the last restart where the old key may leave lazily', async () => {
    const scene = await openScene(cluster, { spec: { retire: { mode: 'Lazy', slack: '1s' } } });
    const traffic = scene.traffic();
    const counted = await restarts(scene, () => rotate(scene, '1'));
    expect(counted).toEqual({ main: 2, autoscraper: 1, admin: 1 });
    expect((await settled(traffic)).rejections).toEqual([]);
    // it has left the Secret; pods forget it when they restart
    expect(scene.keys.versions().at(-1)).toMatchObject({ phase: 'Steady', fallbacks: 1 });
    expect(await scene.accepting(scene.firstKey)).toEqual(everybody);
    // and the next rotation takes that into account
    expect((await rotate(scene, '2')).keyset?.rotation?.outcome).toBe('Completed');
    expect(await scene.accepting(scene.firstKey)).toEqual([]);
    expect(await scene.close()).toEqual([]);
  });

  it('serves services that know one previous key, and says that it is inferred; others read a JWK set', async () => {
    const scene = await openScene(cluster, {
      asShown: true,
      fleet: {
        services: {
          main: { onePrevious: true, replicas: 2 },
          autoscraper: { onePrevious: true, replicas: 1 },
          admin: { replicas: 1 },
        },
      },
      spec: { secretKeys: { previous: 'JWT_SECRET_PREVIOUS', keyset: 'keyset.json' } },
    });
    const traffic = scene.traffic();
    const { keyset, resource, secret } = await rotate(scene, '1');
    expect(keyset?.rotation).toMatchObject({ outcome: 'Completed' });
    expect((await settled(traffic)).rejections).toEqual([]);
    const fresh = scene.keys.signingKeys().at(-1) ?? '';
    expect(await scene.accepting(scene.firstKey)).toEqual([]);
    expect(await scene.accepting(fresh)).toEqual(everybody);
    expect(conditionOf(resource, 'Verified')).toMatchObject({ status: 'False', reason: 'Inferred' });
    const text = Buffer.from(secret?.data?.['keyset.json'] ?? '', 'base64').toString();
    const { keys } = JSON.parse(text) as JSONWebKeySet;
    expect(keys.map(({ kid }) => kid)).toEqual(keyset?.history.at(-1)?.verify);
    const { payload } = await jwtVerify(
      await new SignJWT({ sub: 'me' }).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from(fresh)),
      await importJWK(keys.find(({ kid }) => kid === keyset?.rotation?.to) ?? {}),
    );
    expect(payload.sub).toBe('me');
    expect(await scene.close()).toEqual([]);
  });

  it('restarts nothing where the services read mounted files', async () => {
    const mounted = { mounted: true, language: 'node' } as const;
    const scene = await openScene(cluster, {
      fleet: {
        services: {
          main: { ...mounted, replicas: 2 },
          autoscraper: { ...mounted, replicas: 1 },
          admin: { ...mounted, replicas: 1 },
        },
      },
      files: true,
    });
    const traffic = scene.traffic();
    const counted = await restarts(scene, () => rotate(scene, '1'));
    expect(counted).toEqual({ main: 0, autoscraper: 0, admin: 0 });
    expect((await settled(traffic)).rejections).toEqual([]);
    expect(await scene.accepting(scene.firstKey)).toEqual([]);
    expect(await scene.accepting(scene.keys.signingKeys().at(-1) ?? '')).toEqual(everybody);
    expect(await scene.close()).toEqual([]);
  });
});
