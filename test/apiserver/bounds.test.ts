/** Whatever is wrong with a service, a node or the Secret: pods are replaced so many times and no more, then rekey rests and says why. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { STATE } from '../../src/rotation/api/names.ts';
import { freezeSecrets, thawSecrets } from '../support/node/faults.ts';
import type { Secret } from '../support/node/types.ts';
import { eventsIn, untilEvent } from '../support/scenario/events.ts';
import { deletePod, openPlace, type Place } from '../support/scenario/place.ts';
import {
  conditionOf,
  goOn,
  RESTS_STAGED,
  type Resource,
  readState,
  requestAbort,
  requestRotation,
  restAtDraining,
  waitFor,
  waitForPhase,
  waitUntilDone,
} from '../support/scenario/rotation.ts';
import { KEY, type Running, secretName, targetName } from '../support/scenario/single.ts';
import { until } from '../support/scenario/until.ts';

const cluster = inject('cluster');
const REPLICAS = 2;
const spec = { replicas: REPLICAS };
const FAULTY: Running = { image: 'rekey.dev/test-jwt:latest', spec };

let place: Place;
beforeAll(async () => {
  place = await openPlace(cluster, 'bounds');
  await place.operator();
});
afterAll(() => place.close());

const isDegraded = (resource: Resource, reason: string, words = '') => {
  const condition = conditionOf(resource, 'Degraded');
  return condition?.status === 'True' && condition.reason === reason && condition.message.includes(words);
};
const untilDegraded = (id: string, reason: string, words?: string) => {
  const { api, namespace, name } = place.at(id);
  return waitFor(api, namespace, name, `Degraded, ${reason}`, ({ resource }) => isDegraded(resource, reason, words));
};

/** Begins a rotation that rests at Draining. @returns the value with which it was asked for */
async function rotateToDraining(id: string): Promise<string> {
  const { api, namespace, name } = place.at(id);
  const requestedAt = await requestRotation(api, namespace, name);
  await waitForPhase(api, namespace, name, 'Staged');
  await restAtDraining(api, namespace, name);
  await waitForPhase(api, namespace, name, 'Draining');
  return requestedAt;
}

/** Lets a rotation retire the old key while all nodes serve the Secret as it was before. */
async function retireOnFrozenNodes(id: string) {
  const requestedAt = await rotateToDraining(id);
  const secret = { namespace: place.namespace, name: secretName(id) };
  for (const node of cluster.nodes) await freezeSecrets(place.api, node.name, [secret]);
  const { api, namespace, name } = place.at(id);
  await goOn(api, namespace, name);
  const thaw = async () => {
    for (const node of cluster.nodes) await thawSecrets(api, node.name, [secret]);
  };
  return { requestedAt, thaw };
}

async function untilCompleted(id: string, requestedAt: string): Promise<void> {
  const { api, namespace, name } = place.at(id);
  const { keyset } = await waitUntilDone(api, namespace, name, { requestedAt });
  expect(keyset?.rotation?.outcome).toBe('Completed');
}

/** As a hand would that edits what rekey keeps in the annotations. */
async function forge(id: string, edit: Readonly<Record<string, (value: never) => unknown>>): Promise<Secret> {
  const secret = { kind: 'Secret', namespace: place.namespace, name: secretName(id) };
  const { metadata } = await place.api.get<Secret>(secret);
  const forged = Object.entries(edit).map(([name, change]) => {
    const value = metadata.annotations?.[name] ?? '';
    const isText = !value.startsWith('{') && !value.startsWith('[');
    const changed = change((isText ? value : JSON.parse(value)) as never);
    return [name, typeof changed === 'string' ? changed : JSON.stringify(changed)] as const;
  });
  await place.api.patch(secret, { metadata: { annotations: Object.fromEntries(forged) } });
  return place.api.get<Secret>(secret);
}

const FUTURE = '2030-01-01T00:00:00.000Z';
const inFuture = (shapes: readonly object[]) => shapes.map((shape) => ({ ...shape, at: FUTURE }));
const FORGERIES = [
  { what: 'phase Burning and times to come', edit: { [STATE.phase]: () => 'Burning', [STATE.history]: inFuture } },
  { what: 'phase Burning that nobody asked for', edit: { [STATE.phase]: () => 'Burning' } },
  { what: 'times to come', edit: { [STATE.history]: inFuture } },
  {
    what: 'versions out of order',
    edit: {
      [STATE.history]: (shapes: readonly object[]) => [{ ...shapes[0], v: 5 }, ...shapes],
    },
  },
].map((row, i) => ({ ...row, id: `forged-${i}` }));

describe.concurrent('pods are not replaced again and again', () => {
  it('of a service that has the retired key from a second place: KeyStillAccepted is told, and it goes on once that is taken away', async () => {
    const id = 'copy';
    await place.make(id, { ...FAULTY, env: { ALSO_ACCEPTS: KEY } });
    const { api, namespace, name } = place.at(id);
    const requestedAt = await requestRotation(api, namespace, name);
    const { resource, keyset } = await untilDegraded(id, 'KeyStillAccepted');
    expect(keyset?.phase).toBe('Retiring');
    const old = keyset?.rotation?.from;
    const { message = '' } = conditionOf(resource, 'Degraded') ?? {};
    expect(message).toContain(`Deployment/${targetName(id)}: pod `);
    expect(message).toContain(`accepts key ${old}, which has left the Secret`);
    expect(await place.accepting(id, KEY)).toBeGreaterThan(0);
    await place.deploy(id, { ...FAULTY, env: {} });
    await untilCompleted(id, requestedAt);
    expect(await place.accepting(id, KEY)).toBe(0);
    // as they were; then with the staged key, signing with it, without the old one, and those of the new version
    expect(place.ever(id)).toBeLessThanOrEqual(5 * REPLICAS);
    const told = (await eventsIn(api, namespace, name)).filter(({ reason }) => reason === 'KeyStillAccepted');
    expect(told.length).toBeLessThanOrEqual(place.ever(id));
  });

  it('of a service that knows one key since somebody deployed it: SingleKeyService is told, and a wish to go back ends it', async () => {
    const id = 'single';
    await place.make(id, { spec }, RESTS_STAGED);
    await rotateToDraining(id);
    await place.deploy(id, { spec, env: { KEY_MODE: 'single' } });
    await untilDegraded(id, 'SingleKeyService');
    const { api, namespace, name } = place.at(id);
    await requestAbort(api, namespace, name);
    await goOn(api, namespace, name);
    const { keyset } = await waitUntilDone(api, namespace, name);
    expect(keyset?.rotation).toMatchObject({ outcome: 'RolledBack', failure: { reason: 'AbortRequested' } });
    expect(await place.accepting(id, KEY)).toBe(REPLICAS);
    // as they were; with the staged key, signing with it, of the version with one key, back, and without the new key; and for each of
    // the last three keysets one more, for those that were created before it had reached every node
    expect(place.ever(id)).toBeLessThanOrEqual(9 * REPLICAS);
  });

  it('of nodes that serve the Secret of before for longer than was agreed: PodStale is told, and who deletes the pods later ends it', async () => {
    const id = 'stale';
    await place.make(id, { spec }, { ...RESTS_STAGED, rolloutTimeout: '10s' });
    const { requestedAt, thaw } = await retireOnFrozenNodes(id);
    const { api, namespace } = place.at(id);
    const { keyset } = await untilDegraded(id, 'PodStale', 'rekey does not replace it again');
    expect(keyset?.phase).toBe('Retiring');
    await thaw();
    for (const { metadata } of place.pods(id)) await deletePod(api, namespace, metadata.name);
    await untilCompleted(id, requestedAt);
    // as they were; with the staged key, signing with it, without the old one, once more when the write has spread, once more after the
    // time-out, and by hand
    expect(place.ever(id)).toBeLessThanOrEqual(7 * REPLICAS);
  });

  it('of nodes that are well again before the time-out: PodStale tells when they are replaced once more, and that ends it', async () => {
    const id = 'well';
    await place.make(id, { spec }, { ...RESTS_STAGED, rolloutTimeout: '60s' });
    const { requestedAt, thaw } = await retireOnFrozenNodes(id);
    const { api, namespace, name } = place.at(id);
    await untilEvent({ api, namespace, name }, 'PodStale', 'rekey replaces it once more at');
    expect((await readState(api, namespace, name)).keyset?.phase).toBe('Retiring');
    await thaw();
    await untilCompleted(id, requestedAt);
    expect(await place.accepting(id, KEY)).toBe(0);
    // as above, and none by hand
    expect(place.ever(id)).toBeLessThanOrEqual(6 * REPLICAS);
  });

  it.each(FORGERIES)('on the word of annotations that say $what: StateUnreadable is told', async ({ id, edit }) => {
    await place.make(id, { spec: { replicas: 1 } });
    const [before] = place.pods(id);
    const forged = await forge(id, edit);
    await until('StateUnreadable is told', async () => {
      const { api, namespace, name } = place.at(id);
      return isDegraded(await api.get<Resource>({ kind: 'JwtKeyRotation', namespace, name }), 'StateUnreadable');
    });
    const now = await place.api.get<Secret>({ kind: 'Secret', namespace: place.namespace, name: secretName(id) });
    expect(now.metadata.resourceVersion).toBe(forged.metadata.resourceVersion);
    expect(place.pods(id).map(({ metadata }) => metadata.uid)).toEqual([before?.metadata.uid]);
    expect(place.ever(id)).toBe(1);
  });
});
