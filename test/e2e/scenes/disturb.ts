/** Rotations in which a part of the cluster fails. */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Keyset } from '../../../src/rotation/keyset/keyset.ts';
import type { Pod } from '../../support/node/types.ts';
import { requestRotation, waitFor } from '../../support/scenario/rotation.ts';
import { until } from '../../support/scenario/until.ts';
import type { E2eCluster } from '../cluster.ts';
import { judgeRotation, type Outcome } from '../outcome.ts';
import type { Shop, ShopOptions } from '../shop.ts';
import { inShop } from './ways.ts';

type Phase = Keyset['phase'];

/** How long a part that failed is away. */
const AWAY_MS = 10_000;

/**
 * Asks for a rotation and disturbs it in each of these phases, once, as soon as the Secret is in it.
 *
 * @param promise what is said, besides that no token was rejected
 */
export function disturbed(
  cluster: E2eCluster,
  namespace: string,
  options: ShopOptions,
  phases: readonly Phase[],
  disturb: (shop: Shop, phase: Phase) => Promise<void>,
  promise: string,
): Promise<Outcome> {
  return inShop(cluster, namespace, options, async (shop) => {
    const { api, name } = shop;
    const asked = await requestRotation(api, namespace, name);
    for (const phase of phases) {
      const isIn = ({ keyset }: { readonly keyset: Keyset | undefined }) => keyset?.phase === phase;
      await waitFor(api, namespace, name, `the Secret is in ${phase}`, isIn, { everyMs: 100 });
      await disturb(shop, phase);
    }
    const outcome = await judgeRotation(shop, asked);
    return { ...outcome, promise: `${outcome.promise}: ${promise}` };
  });
}

/** Pods start and end while nobody looks after them. */
export const kubelet = (cluster: E2eCluster, namespace: string): Promise<Outcome> =>
  disturbed(
    cluster,
    namespace,
    {},
    ['Staging', 'Promoting'],
    async () => {
      await cluster.node.killKubelet();
      await sleep(AWAY_MS);
      await cluster.node.startKubelet();
    },
    'the kubelet was killed twice',
  );

/** Services and operator are gone at once, and come back with the Secret as it is then. */
export const reboot = (cluster: E2eCluster, namespace: string): Promise<Outcome> =>
  disturbed(
    cluster,
    namespace,
    {},
    ['Staging', 'Promoting'],
    async () => {
      await cluster.node.cutPower();
      await cluster.node.boot();
    },
    'the power was cut twice',
  );

/** A node is drained: its pods are evicted. There is one node only, so the operator's pod that leads is evicted alone. */
export const operator = (cluster: E2eCluster, namespace: string): Promise<Outcome> =>
  disturbed(
    cluster,
    namespace,
    {},
    ['Staging', 'Promoting', 'Draining', 'Retiring'],
    () => evictLeader(cluster),
    'the leading operator was evicted in each phase',
  );

async function evictLeader({ api }: E2eCluster): Promise<void> {
  const lease = await api.get({ kind: 'Lease', namespace: 'rekey-system', name: 'rekey' });
  const { holderIdentity = '' } = lease.spec as { readonly holderIdentity?: string };
  const { items } = await api.list<Pod>({ kind: 'Pod', namespace: 'rekey-system' });
  const leader = items.find(({ metadata }) => holderIdentity.startsWith(metadata.name));
  if (leader === undefined) throw new Error(`nobody leads: ${holderIdentity}`);
  const { name } = leader.metadata;
  const eviction = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { namespace: 'rekey-system', name } };
  const path = `/api/v1/namespaces/rekey-system/pods/${name}/eviction`;
  // the budget allows it when the other one is ready
  await until('the leader may be evicted', () =>
    api.raw({ method: 'POST', path, body: eviction }).then(
      () => true,
      () => false,
    ),
  );
}

export const apiServer = (cluster: E2eCluster, namespace: string): Promise<Outcome> =>
  disturbed(
    cluster,
    namespace,
    {},
    ['Promoting', 'Retiring'],
    async () => {
      await cluster.controlPlane.stopApiServer();
      await sleep(AWAY_MS);
      await cluster.controlPlane.startApiServer();
    },
    'the API server was away twice',
  );

/** The control plane alone uses more than this, and the pods of a scene ask for less. */
const LEFT_KI = 1_250 * 1_024;

/** @returns a threshold at which the kubelet is short of memory, though the machine is not, and has room for what runs */
function shortOfMemory(): string {
  const [, total = ''] = /^MemTotal: +(\d+) kB/m.exec(readFileSync('/proc/meminfo', 'utf8')) ?? [];
  return `${Number(total) - LEFT_KI}Ki`;
}

/** By the condition: one whose containers ended well calls itself Succeeded, and no longer Evicted. */
function isEvicted({ status }: Pod): boolean {
  const conditions = (status?.conditions ?? []) as readonly { readonly type: string; readonly reason?: string }[];
  return conditions.some(({ type, reason }) => type === 'DisruptionTarget' && reason === 'TerminationByKubelet');
}

/** The kubelet ends pods at once, without asking a budget, and nothing new starts meanwhile. */
export const memory = (cluster: E2eCluster, namespace: string): Promise<Outcome> =>
  disturbed(
    cluster,
    namespace,
    {},
    ['Promoting'],
    async ({ api }) => {
      await cluster.node.killKubelet();
      await cluster.node.startKubelet({ evictBelow: shortOfMemory() });
      await until('a pod is evicted', async () =>
        (await api.list<Pod>({ kind: 'Pod', namespace })).items.some(isEvicted),
      );
      await cluster.node.killKubelet();
      await cluster.node.startKubelet({});
    },
    'a pod was evicted for want of memory',
  );
