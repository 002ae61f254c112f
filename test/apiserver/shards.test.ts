/**
 * Three replicas share the namespaces. In the middle of rotations one is killed, then one hangs for longer than a Lease lasts and
 * wakes up, then one is told to stop, then one without shards goes: every rotation is completed, by the same writes as with one
 * process, each by the replica that had the Lease.
 */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { shardOf } from '../../src/runtime/shards/assignment.ts';
import { KubeApi } from '../support/cluster/kubeapi.ts';
import type { KubeObject } from '../support/cluster/kubeobject.ts';
import { openOwnCluster } from '../support/cluster/own-cluster.ts';
import { type Call, callsIn } from '../support/scenario/audit.ts';
import { createNamespace, installOperator } from '../support/scenario/install.ts';
import type { OperatorProcess } from '../support/scenario/operator.ts';
import { openReplicas, type Replicas } from '../support/scenario/replicas.ts';
import { readState, requestRotation, waitUntilDone } from '../support/scenario/rotation.ts';
import { emptyDeployment, KEY, rotationName, rotationOf, secretName, targetName } from '../support/scenario/single.ts';
import { until } from '../support/scenario/until.ts';

const SHARDS = 3;
/** In each shard. */
const NAMESPACES = 4;
const ID = 'a';
const NAMES = ['replica-a', 'replica-b', 'replica-c'] as const;
/** Tokens live so short that a rotation takes seconds. */
const TIMES = { maxTokenTTL: '5s', clockSkew: '1s', retire: { slack: '1s' } };
/** Of the Secret: stage, promote, drain, retire, finish. See crash.test.ts for one process. */
const WRITES_OF_A_ROTATION = 5;
const ADOPTION = 1;
/** One for each of: killed, hung, stopped, without shards. */
const ROTATIONS = 4;
/** The Lease of one who leads without shards. */
const UNSHARDED = 'rekey';
/** Within this time after it woke up a process has sent what it had begun, and found that it may begin nothing. */
const IN_FLIGHT_MS = 5_000;
const FLAGS = ['--shards', String(SHARDS)];

/** The operators serve all namespaces, and the audit log must be whole. */
const { cluster, stop } = await openOwnCluster(inject('cluster'), 'shards');
const api = KubeApi.fromKubeconfig(cluster.kubeconfig);
const home = `shards-${randomUUID().slice(0, 8)}`;
const leaseName = (shard: number) => `rekey-shard-${shard}-of-${SHARDS}`;
const namespaces = Array.from({ length: SHARDS }, (_, shard) => namesIn(shard)).flat();
const operators = new Map<string, OperatorProcess>();
let replicas: Replicas;

interface Lease extends KubeObject {
  readonly spec?: { readonly holderIdentity?: string };
}

/** Which namespace is in which shard is a matter of its name. */
function namesIn(shard: number): readonly string[] {
  const names = Array.from({ length: 200 }, (_, i) => `${home}-${i}`);
  return names.filter((name) => shardOf(name, SHARDS) === shard).slice(0, NAMESPACES);
}

beforeAll(async () => {
  await installOperator(api);
  await Promise.all([home, ...namespaces].map((namespace) => createNamespace(api, namespace)));
  replicas = await openReplicas({ cluster, api, home, namespaces, secretName: secretName(ID), names: NAMES });
  await Promise.all(namespaces.map(furnish));
  for (const name of NAMES) operators.set(name, await replicas.start(name, FLAGS));
});

afterAll(async () => {
  await replicas?.stop();
  await api.close();
  await stop();
});

async function furnish(namespace: string): Promise<void> {
  await api.create({
    ...{ kind: 'Secret', metadata: { namespace, name: secretName(ID) } },
    stringData: { JWT_SECRET_KEY: KEY },
  } as KubeObject);
  await api.create(emptyDeployment(namespace, targetName(ID), ID));
  await api.create(rotationOf(namespace, rotationName(ID), ID, TIMES));
}

/** Who holds each shard: the name of a replica, or '' for nobody. */
function holders(): Promise<readonly string[]> {
  const shards = Array.from({ length: SHARDS }, (_, shard) => leaseName(shard));
  return Promise.all(
    shards.map(async (name) => {
      const lease = await api.find<Lease>({ kind: 'Lease', namespace: home, name });
      return lease?.spec?.holderIdentity?.split('_')[0] ?? '';
    }),
  );
}

function untilHeldBy(...names: readonly string[]): Promise<true> {
  const all = async () => {
    const now = await holders();
    return new Set(now).size === names.length && now.every((name) => names.includes(name))
      ? (true as const)
      : undefined;
  };
  return until(`the shards are held by ${names.join(' and ')}`, all);
}

/** Whether the replicas together keep each resource of the cluster once. */
async function keptOnce(): Promise<boolean> {
  const path = '/apis/rekey.dev/v1alpha1/jwtkeyrotations';
  const { items } = await api.raw<{ readonly items: readonly unknown[] }>({ path });
  const texts = await Promise.all([...operators.values()].map((operator) => operator.metrics()));
  const kept = texts.map((text) => Number(/^rekey_shards_resources (\d+)$/m.exec(text)?.[1]));
  return kept.every((own) => own >= NAMESPACES) && kept.reduce((sum, own) => sum + own, 0) === items.length;
}

/** @returns the namespaces that the replica serves */
async function servedBy(name: string): Promise<readonly string[]> {
  const held = await holders();
  return namespaces.filter((namespace) => held[shardOf(namespace, SHARDS)] === name);
}

/** Begins a rotation everywhere, and resolves in the middle of those in some namespaces. */
async function rotateAll(own: readonly string[]): Promise<string> {
  const at = new Date().toISOString();
  expect(own.length).toBeGreaterThanOrEqual(NAMESPACES);
  await Promise.all(namespaces.map((namespace) => requestRotation(api, namespace, rotationName(ID), at)));
  await until('a rotation is under way', async () => {
    const states = await Promise.all(own.map((namespace) => readState(api, namespace, rotationName(ID))));
    return states.some(({ keyset }) => keyset?.phase !== 'Steady');
  });
  return at;
}

async function allDone(requestedAt: string): Promise<void> {
  const done = await Promise.all(
    namespaces.map((namespace) => waitUntilDone(api, namespace, rotationName(ID), { requestedAt })),
  );
  expect(done.map(({ keyset }) => keyset?.rotation?.outcome)).toEqual(namespaces.map(() => 'Completed'));
}

it('a rotation is done once, whoever is killed, hangs or stops', { timeout: 1_500_000 }, async () => {
  for (const namespace of namespaces) {
    const ready = async () => (await readState(api, namespace, rotationName(ID))).keyset?.phase === 'Steady';
    await until(`${namespace} is taken over`, ready);
  }
  await untilHeldBy(...NAMES);
  for (const operator of operators.values()) await operator.waitUntilReady();

  await until('each keeps its part of all resources', keptOnce);

  const killed = await rotateAll(await servedBy('replica-c'));
  operators.get('replica-c')?.kill('SIGKILL');
  await allDone(killed);
  await untilHeldBy('replica-a', 'replica-b');

  const hung = operators.get('replica-b');
  const frozen = await rotateAll(await servedBy('replica-b'));
  hung?.pause();
  await untilHeldBy('replica-a');
  const wokenAt = Date.now();
  hung?.resume();
  expect(await hung?.exited).toMatchObject({ code: 1 });
  await allDone(frozen);

  operators.set('replica-b', await replicas.start('replica-b', FLAGS));
  await untilHeldBy('replica-a', 'replica-b');
  const stopped = await rotateAll(await servedBy('replica-a'));
  expect(await operators.get('replica-a')?.stop()).toMatchObject({ code: 0 });
  await untilHeldBy('replica-b');
  await allDone(stopped);

  operators.set('replica-a', await replicas.start('replica-a', []));
  await until('who leads without shards has everything', async () => {
    const lease = await api.find<Lease>({ kind: 'Lease', namespace: home, name: UNSHARDED });
    return lease?.spec?.holderIdentity?.startsWith('replica-a') && (await holders()).every((holder) => holder === '');
  });
  const unsharded = await rotateAll(namespaces);
  expect(await operators.get('replica-a')?.stop()).toMatchObject({ code: 0 });
  await untilHeldBy('replica-b');
  await allDone(unsharded);

  for (const namespace of namespaces) {
    const lease = `${home}/${leaseName(shardOf(namespace, SHARDS))}`;
    await until('people see the Lease of the shard', async () => {
      const { resource } = await readState(api, namespace, rotationName(ID));
      return resource.status?.operator?.lease === lease;
    });
  }
  const users = NAMES.map((name) => replicas.user(name));
  const writes = callsIn(cluster.auditLogPath, { writes: true }).filter((call) => users.includes(call.user));
  const made = writes.filter(({ code }) => code < 300);
  const secrets = made.filter(({ resource }) => resource === 'secrets');
  const counts = namespaces.map((namespace) => secrets.filter((call) => call.namespace === namespace).length);
  expect(counts).toEqual(namespaces.map(() => ADOPTION + ROTATIONS * WRITES_OF_A_ROTATION));
  const late = sentLate(made, replicas.user('replica-b'), wokenAt);
  expect(made.filter((call) => !late.includes(call)).flatMap((call) => strangeness(call, made))).toEqual([]);
  // each of the three has written, and no write went beyond its namespaces
  expect(new Set(secrets.map(({ user }) => user)).size).toBe(NAMES.length);
});

/**
 * Nobody can look at the Lease and send in one moment: who is frozen in between sends what it had begun when it wakes up. Of the Secret
 * such a write is refused if anything was written meanwhile; status and ledger are written again by who has the Lease.
 *
 * @returns at most one write of each object of a namespace, right after it woke up
 */
function sentLate(made: readonly Call[], user: string, wokenAt: number): readonly Call[] {
  const begun = made.filter((call) => call.user === user && call.at >= wokenAt && call.at < wokenAt + IN_FLIGHT_MS);
  const first = ({ namespace, resource }: Call) => `${namespace} ${resource}`;
  return [...new Map(begun.toReversed().map((call) => [first(call), call])).values()];
}

/** @returns what is wrong with a write: its writer did not have the Lease of the shard when it came */
function strangeness({ namespace, resource, verb, user, at }: Call, made: readonly Call[]): readonly string[] {
  if (!namespaces.includes(namespace) || resource === 'events') return [];
  const lease = leaseName(shardOf(namespace, SHARDS));
  const renewals = made.filter((call) => call.resource === 'leases' && call.at <= at);
  const holders = [lease, UNSHARDED].map((name) => renewals.findLast((call) => call.name === name)?.user);
  return holders.includes(user) ? [] : [`${verb} ${resource} in ${namespace} by ${user}; ${lease}: ${holders}`];
}
