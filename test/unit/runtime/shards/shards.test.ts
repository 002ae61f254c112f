/** Replicas that share shards by real elections, on fake Leases and a clock that the test moves. */
import { describe, expect, it } from 'vitest';
import { Members } from '../../../../src/runtime/shards/members.ts';
import { Shards } from '../../../../src/runtime/shards/shards.ts';
import { FakeClock, turn } from '../fake-clock.ts';
import { fakeLog } from '../fake-log.ts';
import { FakeCluster } from './fake-members.ts';

const LEASES = 'rekey-members';
/** Until replicas that start at once have shared the shards. */
const SETTLED_MS = 15_000;
/** A Lease runs out, and a member counts as dead before that. */
const TAKEN_OVER_MS = 40_000;

function world() {
  const clock = new FakeClock();
  const cluster = new FakeCluster(clock);
  const replica = (identity: string, { shards = 3, list = async () => {} } = {}) => {
    const client = cluster.client(identity);
    const log = fakeLog();
    const common = { client, clock, log, namespace: 'rekey', identity, shards };
    const stop = new AbortController();
    const members = new Members({ ...common, name: LEASES, unsharded: 'rekey' });
    const told: string[] = [];
    const busy: { until: Promise<void> } = { until: Promise.resolve() };
    const all = Array.from({ length: 40 }, (_, i) => `ns-${i}`);
    const self = new Shards({
      ...{ ...common, members, list, random: () => 0 },
      leaseName: (shard) => `shard-${shard}-of-${shards}`,
      onChange: () => undefined,
      onServing: (holds) => told.push(`serving ${all.filter(holds).length > 0}`),
      onLeft: (holds) => told.push(`left ${all.filter(holds).length > 0}`),
      idle: () => busy.until,
    });
    let end: string | undefined;
    void self.run(stop.signal).then((how) => (end = how));
    const served = () => all.filter((namespace) => self.serves(namespace));
    const quit = async () => {
      self.leave();
      await clock.advance(0);
      stop.abort();
      await Promise.all([self.close(), clock.advance(100)]);
    };
    return { identity, self, members, client, log, told, busy, served, quit, end: () => end };
  };
  return { clock, cluster, replica };
}

type Replica = ReturnType<ReturnType<typeof world>['replica']>;

/** Each namespace is served by one, and nobody else may write there. */
function expectShared(replicas: readonly Replica[]): void {
  const all = Array.from({ length: 40 }, (_, i) => `ns-${i}`);
  for (const namespace of all) {
    const serving = replicas.filter(({ self }) => self.serves(namespace));
    expect(serving.map(({ identity }) => identity)).toHaveLength(1);
    for (const { self } of replicas) {
      const may = () => self.assertLeading(namespace);
      if (self === serving[0]?.self) expect(may).not.toThrow();
      else expect(may).toThrow('hold the shard');
    }
  }
}

describe('three replicas', () => {
  it('share three shards, one each, whatever the order in which they come', async () => {
    const { clock, cluster, replica } = world();
    const a = replica('a');
    await clock.advance(SETTLED_MS);
    expect(a.self.held()).toBe(3);
    const [b, c] = [replica('b'), replica('c')];
    await clock.advance(SETTLED_MS);
    expect([a, b, c].map(({ self }) => self.held())).toEqual([1, 1, 1]);
    expectShared([a, b, c]);
    expect(Object.values(cluster.holders()).sort()).toEqual(['a', 'b', 'c']);
    expect(a.told.filter((what) => what.startsWith('left'))).toHaveLength(2);
  });

  it('take the shard of one that is cut off, and that one ends', async () => {
    const { clock, cluster, replica } = world();
    const [a, b, c] = [replica('a'), replica('b'), replica('c')];
    await clock.advance(SETTLED_MS);
    const [namespace = ''] = c.served();
    cluster.cutOff.add('c');
    await clock.advance(10_500);
    expect(() => c.self.assertLeading(namespace)).toThrow();
    await clock.advance(TAKEN_OVER_MS);
    expect(c.end()).toBe('lost');
    expectShared([a, b]);
  });

  it('take nobody for dead while none of them reaches the server', async () => {
    const { clock, cluster, replica } = world();
    const all = [replica('a'), replica('b'), replica('c')];
    await clock.advance(SETTLED_MS);
    const before = cluster.holders();
    for (const { identity } of all) cluster.cutOff.add(identity);
    await clock.advance(8_000);
    cluster.cutOff.clear();
    await clock.advance(TAKEN_OVER_MS);
    expect(all.map(({ end }) => end())).toEqual([undefined, undefined, undefined]);
    expect(cluster.holders()).toEqual(before);
    for (const { told } of all) expect(told).toEqual(['serving true']);
  });

  it('lose one that stops without a wait, and forget it', async () => {
    const { clock, cluster, replica } = world();
    const [a, b, c] = [replica('a'), replica('b'), replica('c')];
    await clock.advance(SETTLED_MS);
    await c.quit();
    expect(c.end()).toBe('stopped');
    // less than a Lease lasts
    await clock.advance(7_000);
    expectShared([a, b]);
    expect(Object.keys(cluster.lease(LEASES)?.metadata.annotations ?? {})).toHaveLength(2);
  });
});

it('Leases that cannot be taken make a replica not ready, and its log has few lines of all of them', async () => {
  const { clock, cluster, replica } = world();
  for (let shard = 0; shard < 8; shard += 1) {
    cluster.leases(`shard-${shard}-of-8`).write = () => {
      throw new Error('refused');
    };
  }
  const a = replica('a', { shards: 8 });
  await clock.advance(600_000);
  expect(a.self.failure()).toMatch(
    /^lease rekey\/shard-\d-of-8 was not taken, and no holder was seen, for 5\d\d s: refused$/,
  );
  const failed = a.log.lines.filter(({ message }) => message === 'could not acquire the lease');
  expect(failed.length).toBeGreaterThan(50);
  expect(failed.length).toBeLessThanOrEqual(110);
  await a.quit();
});

describe('a shard that is given away', () => {
  it('is released when its passes and writes have ended, and is handed no more work', async () => {
    const { clock, cluster, replica } = world();
    const a = replica('a');
    await clock.advance(SETTLED_MS);
    const passes = new Map<string, () => void>();
    for (const namespace of a.served()) {
      const { promise, resolve } = Promise.withResolvers<void>();
      void a.self.pass(namespace, () => promise);
      passes.set(namespace, resolve);
    }
    const written = Promise.withResolvers<void>();
    a.busy.until = written.promise;
    const b = replica('b');
    await clock.advance(SETTLED_MS);
    // who is to have them waits
    expect(Object.values(cluster.holders())).toEqual(['a', 'a', 'a']);
    const leaving = [...passes.keys()].filter((namespace) => !a.self.serves(namespace));
    expect(leaving.length).toBeGreaterThan(0);
    expect(await a.self.pass(leaving[0] ?? '', async () => 'worked')).toBeUndefined();
    for (const resolve of passes.values()) resolve();
    await clock.advance(2_000);
    expect(Object.values(cluster.holders())).toEqual(['a', 'a', 'a']);
    written.resolve();
    await clock.advance(5_000);
    expectShared([a, b]);
  });

  it('is released after twenty seconds, whatever hangs', async () => {
    const { clock, replica } = world();
    const a = replica('a');
    await clock.advance(SETTLED_MS);
    for (const namespace of a.served()) void a.self.pass(namespace, () => new Promise(() => {}));
    const b = replica('b');
    await clock.advance(SETTLED_MS + 20_000);
    expectShared([a, b]);
  });
});

it('a shard is served when it was listed after its Lease was taken, and not before', async () => {
  const { clock, cluster, replica } = world();
  const lists: (() => void)[] = [];
  const a = replica('a', { shards: 2, list: () => new Promise<void>((resolve) => void lists.push(resolve)) });
  await clock.advance(SETTLED_MS);
  expect(Object.values(cluster.holders())).toEqual(['a', 'a']);
  expect([a.self.keeps('ns-1'), a.served(), a.told]).toEqual([true, [], []]);
  await clock.advance(60_000);
  expect(a.self.failure()).toMatch(/^shard-\d-of-2 is held, and was not listed yet$/);
  for (const resolve of lists) resolve();
  await turn();
  expect([a.served().length, a.self.failure()]).toEqual([40, undefined]);
});

describe('another number of shards', () => {
  it('is a handover when the last old replica has gone', async () => {
    const { clock, cluster, replica } = world();
    const [a, b] = [replica('a'), replica('b')];
    await clock.advance(SETTLED_MS);
    const c = replica('c', { shards: 4 });
    const d = replica('d', { shards: 4 });
    await clock.advance(SETTLED_MS);
    expectShared([a, b]);
    expect([c.self.held(), d.self.held()]).toEqual([0, 0]);
    await b.quit();
    await clock.advance(SETTLED_MS);
    expectShared([a]);
    await a.quit();
    await clock.advance(SETTLED_MS);
    expectShared([c, d]);
    expect(Object.keys(cluster.holders())).toHaveLength(7);
  });

  it('waits for one who leads without shards', async () => {
    const { clock, cluster, replica } = world();
    const renew = (i: number) =>
      cluster
        .leases('rekey')
        .write('old', { metadata: { name: 'rekey' }, spec: { holderIdentity: i < 9 ? 'old' : '' } });
    const a = replica('a');
    for (let i = 0; i < 10; i += 1) {
      renew(i);
      await clock.advance(2_000);
      expect(a.self.held()).toBe(0);
    }
    await clock.advance(SETTLED_MS);
    expectShared([a]);
  });
});

it('who shares gives everything away to one who leads without shards', async () => {
  const { clock, cluster, replica } = world();
  const a = replica('a');
  await clock.advance(SETTLED_MS);
  for (let i = 0; i < 5; i += 1) {
    cluster.leases('rekey').write('new', { metadata: { name: 'rekey' }, spec: { holderIdentity: 'new' } });
    await clock.advance(2_000);
  }
  expect([a.self.held(), a.served(), a.end()]).toEqual([0, [], undefined]);
  expect(Object.values(cluster.holders())).toEqual(['', '', '']);
});

it('lines of others that mean nothing are left aside, and are removed after a minute', async () => {
  const { clock, cluster, replica } = world();
  const a = replica('a');
  await clock.advance(1_000);
  const lease = cluster.lease(LEASES);
  const foreign = Object.fromEntries(
    Array.from({ length: 40 }, (_, i) => [`member.rekey.dev/x${i}`, i < 20 ? 'x' : '3 0 1']),
  );
  const annotations = { ...lease?.metadata.annotations, ...foreign, 'example.com/note': 'kept' };
  cluster.leases(LEASES).write('people', { ...lease, metadata: { name: LEASES, annotations } });
  await clock.advance(120_000);
  expect(a.self.held()).toBe(3);
  const left = Object.keys(cluster.lease(LEASES)?.metadata.annotations ?? {}).sort();
  expect(left).toEqual(['example.com/note', 'member.rekey.dev/a']);
});

it('a replica that does not see the members takes none, and is not ready', async () => {
  const { clock, cluster, replica } = world();
  cluster.cutOff.add('a');
  const a = replica('a');
  await clock.advance(29_000);
  expect(a.self.failure()).toBeUndefined();
  await clock.advance(2_000);
  expect(a.self.failure()).toMatch(/^members were not seen for 3\d s: /);
  expect(a.self.held()).toBe(0);
  cluster.cutOff.clear();
  await clock.advance(SETTLED_MS);
  expect([a.self.failure(), a.self.held()]).toEqual([undefined, 3]);
});
