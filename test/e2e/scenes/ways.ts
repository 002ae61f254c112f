/** The ways to rotate, with nothing in their way. */
import { keyIn } from '../../../src/rotation/keyset/keyset.ts';
import { declareEmergency, waitUntilGone } from '../../support/scenario/emergency.ts';
import { readState, requestRotation, waitUntilDone } from '../../support/scenario/rotation.ts';
import { waitForServices } from '../../support/scenario/services.ts';
import type { E2eCluster } from '../cluster.ts';
import { acceptance, faultsIn, judgeRotation, type Outcome } from '../outcome.ts';
import { mountFolder, openShop, type Shop, type ShopOptions } from '../shop.ts';

/** So that tokens of the old key are still out when the new pods are ready. Seconds. */
const LONG_TTL = 60;

/** Opens a shop, plays, and closes it whatever happens. */
export async function inShop(
  cluster: E2eCluster,
  namespace: string,
  options: ShopOptions,
  play: (shop: Shop) => Promise<Outcome>,
): Promise<Outcome> {
  const shop = await openShop(cluster, namespace, options);
  try {
    return await play(shop);
  } finally {
    await shop.close();
  }
}

/** @returns the id of the key that signs */
async function signingKey({ api, namespace, name }: Shop): Promise<string | undefined> {
  const { keyset } = await readState(api, namespace, name);
  return keyset === undefined ? undefined : keyIn(keyset, 'signing')?.kid;
}

export const env = (cluster: E2eCluster, namespace: string): Promise<Outcome> =>
  inShop(cluster, namespace, {}, async (shop) => {
    const asked = await requestRotation(shop.api, namespace, shop.name);
    return judgeRotation(shop, asked);
  });

/**
 * That the traffic sees what it is there for: the resource says that tokens live a second, and they live longer. rekey keeps its promise
 * only for who says the truth.
 */
export const lie = (cluster: E2eCluster, namespace: string): Promise<Outcome> =>
  inShop(cluster, namespace, { spec: { maxTokenTTL: '1s' }, tokenTtlSeconds: LONG_TTL }, async (shop) => {
    const asked = await requestRotation(shop.api, namespace, shop.name);
    const { report } = await judgeRotation(shop, asked);
    const faults = faultsIn({ 'tokens that live too long were rejected': (report?.rejected ?? 0) > 0 });
    return { ...(report && { report }), promise: 'tokens that outlive maxTokenTTL are rejected, and seen', faults };
  });

/** main and autoscraper read files; admin, in Python, its environment. */
export const MOUNTED: ShopOptions = {
  edit: (name, pod) => (name === 'admin' ? pod : mountFolder(pod)),
  sources: { main: 'File', autoscraper: 'File' },
};

export const files = (cluster: E2eCluster, namespace: string): Promise<Outcome> =>
  inShop(cluster, namespace, MOUNTED, async (shop) => {
    const asked = await requestRotation(shop.api, namespace, shop.name);
    const outcome = await judgeRotation(shop, asked);
    const mounted = shop.everyPod().filter(({ metadata }) => metadata.labels?.app !== 'admin');
    const more = faultsIn({ [`no pod with files was restarted (${mounted.length} pods)`]: mounted.length === 3 });
    return { ...outcome, promise: `${outcome.promise}, no restart`, faults: [...outcome.faults, ...more] };
  });

/**
 * After a way that refuses every token that is out: the new key is accepted everywhere and the old one nowhere. Tokens were rejected, but
 * none before it `began`, and none of the new key once it was `over`. Both milliseconds since the epoch.
 */
async function judgeBreak(shop: Shop, { began, over }: { began: number; over: number }) {
  const [old = '', ...later] = shop.keys.signingKeys();
  const facts = await acceptance(shop, old, later.at(-1) ?? '');
  await waitForServices(shop.api, shop.namespace);
  await shop.traffic.drain();
  const report = await shop.traffic.stop();
  const current = await signingKey(shop);
  const alive = report.rejections.filter(({ at, kid }) => at.getTime() > over && kid === current);
  return {
    report,
    facts: {
      ...facts,
      'no token was rejected before it began': report.rejections.every(({ at }) => at.getTime() >= began),
      'no token of the new key was rejected after it': alive.length === 0,
      'tokens of the old key were rejected': report.rejected > 0,
    },
  };
}

/** What docs/emergency.md promises: once it says that the key is gone, no pod accepts it, and every token of the new key is accepted. */
export const emergency = (cluster: E2eCluster, namespace: string): Promise<Outcome> =>
  inShop(cluster, namespace, { tokenTtlSeconds: LONG_TTL }, async (shop) => {
    const declared = await declareEmergency(shop, 'n1: leaked');
    const { resource } = await waitUntilGone(shop, 'n1');
    const gone = Date.parse(resource.status?.emergency?.keyGoneAt ?? '');
    const { report, facts } = await judgeBreak(shop, { began: declared, over: gone + 1_000 });
    const faults = faultsIn({
      ...facts,
      'it is contained': resource.status?.emergency?.inferred === undefined,
    });
    const seconds = ((gone - declared) / 1_000).toFixed(1);
    const promise = `burnt key dead after ${seconds} s; all rejections are its tokens or before that`;
    return { report, promise, faults: [...faults, ...(await shop.leaks())] };
  });

/** Services that know one key: every token that is out is refused, each by a pod that has the new key, and no other. */
const SINGLE: ShopOptions = {
  edit: (_, pod) => ({
    ...pod,
    containers: pod.containers.map((container) => ({
      ...container,
      env: [...(container.env ?? []), { name: 'KEY_MODE', value: 'single' }],
    })),
  }),
  spec: { strategy: 'Cutover', allowCutover: true },
  tokenTtlSeconds: LONG_TTL,
};

export const cutover = (cluster: E2eCluster, namespace: string): Promise<Outcome> =>
  inShop(cluster, namespace, SINGLE, async (shop) => {
    const { api, name } = shop;
    const began = Date.now();
    const asked = await requestRotation(api, namespace, name);
    const done = await waitUntilDone(api, namespace, name, { requestedAt: asked });
    const { report, facts } = await judgeBreak(shop, { began, over: Date.now() });
    const faults = faultsIn({
      ...facts,
      'it was completed': done.keyset?.rotation?.outcome === 'Completed',
    });
    const promise = 'tokens of the old key refused, none of the new key once it was over';
    return { report, promise, faults: [...faults, ...(await shop.leaks())] };
  });

export const preStaged = (cluster: E2eCluster, namespace: string): Promise<Outcome> =>
  inShop(cluster, namespace, { spec: { preStage: true } }, async (shop) => {
    const { api, name } = shop;
    await waitUntilDone(api, namespace, name, { requestedAt: await requestRotation(api, namespace, name) });
    const staged = (await readState(api, namespace, name)).keyset?.keys.find(({ state }) => state === 'staged');
    const outcome = await judgeRotation(shop, await requestRotation(api, namespace, name));
    const { keyset } = await readState(api, namespace, name);
    const more = faultsIn({
      'the second rotation took the key that the first one had staged':
        staged !== undefined && keyset?.rotation?.to === staged.kid,
    });
    return { ...outcome, promise: `${outcome.promise} in two rotations`, faults: [...outcome.faults, ...more] };
  });
