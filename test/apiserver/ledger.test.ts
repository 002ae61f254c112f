/** The ledger on a real API server: a Secret from a backup, or made anew with a burnt key, is known as such. */
import { describe, expect, inject, it } from 'vitest';
import { LEDGER_KEY } from '../../src/rotation/audit/ledger-config-map.ts';
import { decodeLedger, type Ledger } from '../../src/rotation/keyset/ledger.ts';
import type { Secret } from '../support/node/types.ts';
import { declareEmergency, waitUntilGone } from '../support/scenario/emergency.ts';
import { ledgerConfigMapOf, readLedgerConfigMap } from '../support/scenario/ledger-config-map.ts';
import {
  conditionOf,
  keysOf,
  readState,
  requestRotation,
  waitFor,
  waitUntilDone,
  waitUntilReady,
  waitUntilTold,
} from '../support/scenario/rotation.ts';
import { openScene, type Scene } from '../support/scenario/scene.ts';
import { until } from '../support/scenario/until.ts';

const cluster = inject('cluster');
const everybody = ['admin', 'autoscraper', 'main', 'main'];

async function ledgerOf(scene: Scene): Promise<Ledger | undefined> {
  const text = await readLedgerConfigMap(scene, LEDGER_KEY);
  return text === undefined ? undefined : decodeLedger(text);
}

/** What a backup tool does: the object as it was, whatever is there now. */
async function restore({ api, namespace, name }: Scene, { metadata, data }: Secret): Promise<void> {
  const { labels = {}, annotations = {} } = metadata;
  await api.delete({ kind: 'Secret', namespace, name });
  await api.create({ apiVersion: 'v1', kind: 'Secret', metadata: { namespace, name, labels, annotations }, data });
}

const isResurrected = ({ api, namespace, name }: Scene) =>
  waitFor(api, namespace, name, 'KeyResurrected', ({ resource }) => {
    return conditionOf(resource, 'Degraded')?.reason === 'KeyResurrected';
  });

describe.concurrent('a Secret from a backup', () => {
  it('is not written, and goes on with the keys that it holds when a person says so', async () => {
    const scene = await openScene(cluster);
    const { api, namespace, name } = scene;
    const { secret: backup } = await readState(api, namespace, name);
    if (backup === undefined) throw new Error('no Secret');
    await requestRotation(api, namespace, name, '1');
    const { keyset } = await waitUntilDone(api, namespace, name, { requestedAt: '1' });
    const highest = keyset?.version ?? 0;
    await until('the ledger has followed', async () => (await ledgerOf(scene))?.version === highest);
    expect((await ledgerOf(scene))?.keys.map(({ state }) => state)).toEqual(['retired', 'live']);
    await restore(scene, backup);
    const { resource, secret } = await isResurrected(scene);
    expect(conditionOf(resource, 'Degraded')?.message).toContain(`${highest} was written before`);
    // an operator that was not there learns it from the ConfigMap
    await scene.operators()[0]?.stop();
    await scene.operator();
    await requestRotation(api, namespace, name, '2');
    await isResurrected(scene);
    expect((await readState(api, namespace, name)).secret?.metadata.resourceVersion).toBe(
      secret?.metadata.resourceVersion,
    );
    // the pods hold another key than this one, so a person restarts them all when the key is taken back
    await api.patch(
      { kind: 'Secret', namespace, name },
      { metadata: { annotations: { 'rekey.dev/keyset-version': null } } },
    );
    // its key was retired here: that pods may refuse it is told, and accepted by name
    const [retired] = (await ledgerOf(scene))?.keys ?? [];
    const asked = await waitFor(api, namespace, name, 'the way back is told', (state) =>
      (conditionOf(state.resource, 'Degraded')?.message ?? '').includes('accept-retired-key'),
    );
    expect(conditionOf(asked.resource, 'Degraded')?.message).toContain(retired?.fingerprint);
    await api.patch(
      { kind: 'Secret', namespace, name },
      { metadata: { annotations: { 'rekey.dev/accept-retired-key': retired?.fingerprint ?? '' } } },
    );
    const { keyset: adopted } = await waitFor(api, namespace, name, 'it is adopted', (state) => {
      return (state.keyset?.version ?? 0) > highest;
    });
    expect(adopted?.keys.find(({ state }) => state === 'signing')?.fingerprint).toBeDefined();
    expect(adopted?.rotation).toBeUndefined();
    // its pods are asked, and are heard to hold another key
    const { resource: heard } = await waitUntilTold(api, namespace, name, 'CanaryRefused');
    expect(conditionOf(heard, 'Ready')?.message).toContain('whether the Secret was changed after the pod had started');
    expect(await scene.close()).toEqual([]);
  });

  it('from before an emergency neither repeats it nor brings the key back, until it is asked for again', async () => {
    const scene = await openScene(cluster);
    const { api, namespace, name } = scene;
    const { secret: backup } = await waitUntilReady(api, namespace, name);
    if (backup === undefined) throw new Error('no Secret');
    const { signing: leaked } = keysOf(backup);
    await declareEmergency(scene, 'n1: leaked');
    const { keyset } = await waitUntilGone(scene, 'n1');
    const fresh = scene.keys.signingKeys().at(-1) ?? '';
    await until('the ledger has followed', async () => (await ledgerOf(scene))?.emergencies.includes('n1') === true);
    await restore(scene, backup);
    const { resource } = await isResurrected(scene);
    expect(conditionOf(resource, 'Degraded')?.message).toContain('burnt key');
    // made anew by hand, without a trace of rekey
    await api.delete({ kind: 'Secret', namespace, name });
    const data = { JWT_SECRET_KEY: Buffer.from(leaked).toString('base64') };
    await api.create({ apiVersion: 'v1', kind: 'Secret', metadata: { namespace, name }, data });
    await until('it is refused', async () => {
      const { resource: now, secret } = await readState(api, namespace, name);
      return (
        conditionOf(now, 'Degraded')?.message.includes('holds a burnt key') === true &&
        secret?.metadata.annotations === undefined
      );
    });
    await declareEmergency(scene, 'n2: it came back');
    const { keyset: after } = await waitUntilGone(scene, 'n2');
    expect(after?.version).toBeGreaterThan(keyset?.version ?? 0);
    const newest = scene.keys.signingKeys().at(-1) ?? '';
    for (const key of [leaked, fresh]) expect(await scene.accepting(key)).toEqual([]);
    expect(await scene.accepting(newest)).toEqual(everybody);
    const burnt = after?.burnt.map(({ kid }) => kid) ?? [];
    for (const { kid } of [...(keyset?.keys ?? []).filter(({ state }) => state !== 'ack'), ...(keyset?.burnt ?? [])]) {
      expect(burnt).toContain(kid);
    }
    expect(await scene.close()).toEqual([]);
  });
});

describe.concurrent('a ledger', () => {
  it('that cannot be read stops everything but an emergency, and is not overwritten', async () => {
    const scene = await openScene(cluster);
    const { api, namespace, name } = scene;
    await until('there is one', async () => (await ledgerOf(scene)) !== undefined);
    await scene.operators()[0]?.stop();
    await api.patch(ledgerConfigMapOf(scene), { data: { [LEDGER_KEY]: '{"version":' } });
    await scene.operator();
    await requestRotation(api, namespace, name, '1');
    const { keyset } = await waitFor(api, namespace, name, 'LedgerUnreadable', ({ resource }) => {
      return conditionOf(resource, 'Degraded')?.reason === 'LedgerUnreadable';
    });
    expect(keyset?.rotation).toBeUndefined();
    await declareEmergency(scene, 'n1: leaked');
    await waitFor(api, namespace, name, 'the key is gone', (state) => state.keyset?.emergency?.goneAt !== undefined);
    expect(await readLedgerConfigMap(scene, LEDGER_KEY)).toBe('{"version":');
    await api.patch(ledgerConfigMapOf(scene), { data: { [LEDGER_KEY]: null } });
    await waitUntilReady(api, namespace, name);
    await until('it is written anew', async () => (await ledgerOf(scene))?.emergencies.includes('n1') === true);
    expect(await scene.close()).toEqual([]);
  });
});
