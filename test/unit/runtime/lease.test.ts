import { describe, expect, test, vi } from 'vitest';
import type { Lease } from '../../../src/kube/types.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { LeaderElector, NotLeadingError } from '../../../src/runtime/lease.ts';
import { fakeApi, json, refusal } from '../kube/fake-api.ts';
import { FakeClock, turn } from './fake-clock.ts';
import { FakeLeases } from './fake-leases.ts';
import { fakeLog } from './fake-log.ts';

function world() {
  const clock = new FakeClock();
  const leases = new FakeLeases(clock);
  const replica = (identity: string) => {
    const client = leases.client(identity);
    const stop = new AbortController();
    const terms: AbortSignal[] = [];
    const changes: boolean[] = [];
    const log = fakeLog();
    const elector = new LeaderElector({
      client,
      clock,
      log,
      namespace: 'rekey',
      name: 'leader',
      identity,
      random: () => 0,
      onStartedLeading: (signal) => terms.push(signal),
      onChange: (leading) => changes.push(leading),
    });
    let end: string | undefined;
    const run = elector.run(stop.signal).then((how) => {
      end = how;
      return how;
    });
    return { elector, client, stop, terms, changes, run, log, end: () => end };
  };
  return { clock, leases, replica };
}

const spec = (leases: FakeLeases) => leases.lease?.spec;

describe('the first replica', () => {
  test('creates the Lease, leads, and renews each two seconds', async () => {
    const { clock, leases, replica } = world();
    const a = replica('a');
    await clock.advance(0);
    expect(a.elector.isLeader()).toBe(true);
    expect(spec(leases)).toMatchObject({ holderIdentity: 'a', leaseDurationSeconds: 15, leaseTransitions: 0 });
    await clock.advance(60_000);
    expect(leases.writes).toHaveLength(31);
    expect(a.changes).toEqual([false, true]);
    expect(spec(leases)?.acquireTime).toBe('2026-11-25T10:00:00.000000Z');
    expect(spec(leases)?.renewTime).toBe('2026-11-25T10:01:00.000000Z');
  });

  test('reads nothing while it leads: a renewal is one conditional write', async () => {
    const { clock, replica } = world();
    const a = replica('a');
    await clock.advance(0);
    const before = a.client.calls;
    await clock.advance(20_000);
    expect(a.client.calls - before).toBe(10);
  });

  test('is not leader before it leads', () => {
    const { replica } = world();
    const a = replica('a');
    expect(a.elector.isLeader()).toBe(false);
    expect(() => a.elector.assertLeading()).toThrow(NotLeadingError);
  });
});

describe('a second replica', () => {
  test('waits while the Lease changes, whatever the clock of its holder says', async () => {
    const { clock, replica } = world();
    replica('a');
    await clock.advance(0);
    const b = replica('b');
    clock.jump(10 * 365 * 86_400_000);
    await clock.advance(300_000);
    expect(b.elector.isLeader()).toBe(false);
  });

  test('takes over when the Lease has not changed for its duration, and counts the transition', async () => {
    const { clock, leases, replica } = world();
    const a = replica('a');
    await clock.advance(1_000);
    const b = replica('b');
    await clock.advance(10);
    a.client.trouble = 'refuse';
    await clock.advance(14_500);
    expect(b.elector.isLeader()).toBe(false);
    await clock.advance(3_000);
    expect(b.elector.isLeader()).toBe(true);
    expect(spec(leases)).toMatchObject({ holderIdentity: 'b', leaseTransitions: 1 });
  });

  test('waits the whole duration from when it first sees the Lease, be it ever so old', async () => {
    const { clock, leases, replica } = world();
    leases.write('x', {
      metadata: { namespace: 'rekey', name: 'leader' },
      spec: { holderIdentity: 'x', leaseDurationSeconds: 15, renewTime: '2020-01-01T00:00:00.000000Z' },
    });
    const b = replica('b');
    await clock.advance(14_900);
    expect(b.elector.isLeader()).toBe(false);
    await clock.advance(200);
    expect(b.elector.isLeader()).toBe(true);
  });

  test('takes over at once when the Lease is given away, thanks to the watch', async () => {
    const { clock, leases, replica } = world();
    const a = replica('a');
    await clock.advance(0);
    const b = replica('b');
    await clock.advance(500);
    a.stop.abort();
    await clock.advance(1);
    expect(a.end()).toBe('stopped');
    expect(b.elector.isLeader()).toBe(true);
    expect(leases.writes.map(({ holder }) => holder)).toEqual(['a', '', 'b']);
  });

  test('takes over by the poll where it may not watch', async () => {
    const { clock, leases, replica } = world();
    const a = replica('a');
    await clock.advance(0);
    const client = leases.client('b');
    client.watchable = false;
    const started = vi.fn();
    const elector = new LeaderElector({
      client,
      clock,
      log: fakeLog(),
      namespace: 'rekey',
      name: 'leader',
      identity: 'b',
      random: () => 0,
      onStartedLeading: started,
    });
    void elector.run(new AbortController().signal);
    await clock.advance(500);
    a.stop.abort();
    await clock.advance(2_000);
    expect(started).toHaveBeenCalledOnce();
  });

  test('that stops while it waits leaves the Lease alone', async () => {
    const { clock, leases, replica } = world();
    replica('a');
    await clock.advance(0);
    const b = replica('b');
    await clock.advance(100);
    const writes = leases.writes.filter(({ by }) => by === 'b').length;
    b.stop.abort();
    await turn();
    expect(b.end()).toBe('stopped');
    expect(b.terms).toEqual([]);
    expect(leases.writes.filter(({ by }) => by === 'b')).toHaveLength(writes);
  });
});

test('of two that find the Lease free at the same time only one leads', async () => {
  const { clock, leases, replica } = world();
  leases.write('x', { metadata: { namespace: 'rekey', name: 'leader' }, spec: { holderIdentity: '' } });
  const [a, b] = [replica('a'), replica('b')];
  await clock.advance(60_000);
  expect([a.elector.isLeader(), b.elector.isLeader()].filter(Boolean)).toHaveLength(1);
});

describe('a leader that cannot renew', () => {
  test.each(['refuse', 'hang'] as const)(
    '(%s) may write for ten seconds after its last renewal, and is lost soon after',
    async (trouble) => {
      const { clock, replica } = world();
      const a = replica('a');
      await clock.advance(2_000);
      a.client.trouble = trouble;
      await clock.advance(9_999);
      expect(a.elector.isLeader()).toBe(true);
      await clock.advance(1);
      expect(a.elector.isLeader()).toBe(false);
      expect(() => a.elector.assertLeading()).toThrow(NotLeadingError);
      await clock.advance(2_000);
      expect(a.end()).toBe('lost');
      expect(a.terms[0]?.aborted).toBe(true);
      expect(a.changes).toEqual([false, true, false]);
    },
  );

  test('for a while goes on, also after a call that hung', async () => {
    const { clock, replica } = world();
    const a = replica('a');
    await clock.advance(2_000);
    a.client.trouble = 'hang';
    await clock.advance(6_000);
    a.client.trouble = undefined;
    await clock.advance(30_000);
    expect(a.elector.isLeader()).toBe(true);
  });

  test('has its hold counted from when the renewal was sent, not from when it was answered', async () => {
    const { clock, replica } = world();
    const a = replica('a');
    await clock.advance(1_999);
    a.client.trouble = 'slow answer';
    await clock.advance(4_002);
    a.client.trouble = 'refuse';
    await clock.advance(5_998);
    expect(a.elector.isLeader()).toBe(true);
    await clock.advance(2);
    expect(a.elector.isLeader()).toBe(false);
  });

  test('goes on when its renewals were applied although the answers were lost', async () => {
    const { clock, replica } = world();
    const a = replica('a');
    await clock.advance(1_999);
    a.client.trouble = 'lost answer';
    await clock.advance(5_001);
    a.client.trouble = undefined;
    await clock.advance(60_000);
    expect(a.elector.isLeader()).toBe(true);
    expect(a.end()).toBeUndefined();
  });

  test('gives nothing away when it is lost', async () => {
    const { clock, leases, replica } = world();
    const a = replica('a');
    await clock.advance(0);
    a.client.trouble = 'refuse';
    await clock.advance(20_000);
    expect(a.end()).toBe('lost');
    expect(spec(leases)?.holderIdentity).toBe('a');
  });
});

describe('a leader that was paused', () => {
  test('may not write before it has renewed, and goes on if nobody has led meanwhile', async () => {
    const { clock, replica } = world();
    const a = replica('a');
    await clock.advance(1_000);
    clock.freeze(12_000);
    expect(() => a.elector.assertLeading()).toThrow(NotLeadingError);
    await clock.advance(2_000);
    expect(() => a.elector.assertLeading()).not.toThrow();
    expect(a.end()).toBeUndefined();
  });

  test('is lost, and writes nothing, if another one has taken over', async () => {
    const { clock, leases, replica } = world();
    const a = replica('a');
    await clock.advance(1_000);
    clock.freeze(60_000);
    leases.write('b', { ...(leases.lease as Lease), spec: { holderIdentity: 'b', leaseDurationSeconds: 15 } });
    expect(() => a.elector.assertLeading()).toThrow(NotLeadingError);
    await clock.advance(2_000);
    expect(a.end()).toBe('lost');
    expect(leases.writes.at(-1)).toEqual({ by: 'b', holder: 'b' });
  });

  test('is lost even if the other one has given the Lease away again', async () => {
    const { clock, leases, replica } = world();
    const a = replica('a');
    await clock.advance(1_000);
    clock.freeze(60_000);
    leases.write('b', { ...(leases.lease as Lease), spec: { holderIdentity: '' } });
    await clock.advance(2_000);
    expect(a.end()).toBe('lost');
  });
});

describe('a Lease that is changed by hand', () => {
  test('to another holder ends the term with the next renewal', async () => {
    const { clock, leases, replica } = world();
    const a = replica('a');
    await clock.advance(0);
    leases.write('hand', { ...(leases.lease as Lease), spec: { holderIdentity: 'ghost', leaseDurationSeconds: 15 } });
    await clock.advance(2_000);
    expect(a.end()).toBe('lost');
  });

  test('by touching a label does not', async () => {
    const { clock, leases, replica } = world();
    const a = replica('a');
    await clock.advance(0);
    const lease = leases.lease as Lease;
    leases.write('hand', { ...lease, metadata: { ...lease.metadata, labels: { a: 'b' } } });
    await clock.advance(30_000);
    expect(a.elector.isLeader()).toBe(true);
    expect(leases.lease?.metadata.labels).toEqual({ a: 'b' });
  });

  test('by deleting it leaves it to its holder, which makes it anew', async () => {
    const { clock, leases, replica } = world();
    const [a, b] = [replica('a'), replica('b')];
    await clock.advance(3_000);
    leases.delete();
    await clock.advance(60_000);
    expect(spec(leases)?.holderIdentity).toBe('a');
    expect(a.changes).toEqual([false, true]);
    expect(b.changes).toEqual([false]);
  });

  test('by deleting it right after a race leaves it to the winner, whom the loser has not read', async () => {
    const { clock, leases, replica } = world();
    leases.write('hand', { metadata: { namespace: 'rekey', name: 'leader' }, spec: { holderIdentity: '' } });
    const [a, b] = [replica('a'), replica('b')];
    const write = leases.write.bind(leases);
    leases.write = (by, object) => {
      const written = write(by, object);
      // before anybody can read it
      leases.delete();
      leases.write = write;
      return written;
    };
    for (let ms = 0; ms < 20_000; ms += 100) {
      await clock.advance(100);
      expect([a, b].filter(({ elector }) => elector.isLeader()).length).toBeLessThanOrEqual(1);
    }
    expect([a, b].filter(({ end }) => end() === 'lost')).toEqual([]);
  });

  test('by deleting it never makes two leaders, if its holder has no connection either', async () => {
    const { clock, leases, replica } = world();
    const [a, b] = [replica('a'), replica('b')];
    await clock.advance(3_000);
    leases.delete();
    a.client.trouble = 'refuse';
    for (let ms = 0; ms < 30_000; ms += 100) {
      await clock.advance(100);
      expect([a, b].filter(({ elector }) => elector.isLeader()).length).toBeLessThanOrEqual(1);
    }
    expect(b.elector.isLeader()).toBe(true);
  });
});

describe('a Lease with odd numbers', () => {
  const metadata = { namespace: 'rekey', name: 'leader' };
  const garbage = { holderIdentity: 'garbage', leaseDurationSeconds: 2_147_483_647 };

  test('is taken although its transitions cannot be counted on', async () => {
    const { clock, leases, replica } = world();
    leases.write('hand', { metadata, spec: { holderIdentity: '', leaseTransitions: 2_147_483_647 } });
    const a = replica('a');
    await clock.advance(4_000);
    expect(a.elector.isLeader()).toBe(true);
    expect(spec(leases)).toMatchObject({ holderIdentity: 'a', leaseTransitions: 0 });
  });

  test('of a holder that asks for years is free after a minute without a change, and the log says so', async () => {
    const { clock, leases, replica } = world();
    leases.write('hand', { metadata, spec: garbage });
    const a = replica('a');
    await clock.advance(59_000);
    expect(a.elector.isLeader()).toBe(false);
    const said = a.log.lines.filter(({ message }) => message.startsWith('the lease claims'));
    expect(said.map(({ fields }) => [fields.leaseDurationSeconds, fields.honouredSeconds])).toEqual([
      [2_147_483_647, 60],
    ]);
    await clock.advance(3_000);
    expect(a.elector.isLeader()).toBe(true);
  });

  test('that is deleted counts for our own duration, whatever it said', async () => {
    const { clock, leases, replica } = world();
    leases.write('hand', { metadata, spec: garbage });
    const a = replica('a');
    await clock.advance(2_000);
    leases.delete();
    await clock.advance(12_000);
    expect(a.elector.isLeader()).toBe(false);
    await clock.advance(4_000);
    expect(a.elector.isLeader()).toBe(true);
  });

  test('whose holder renews it stays with its holder', async () => {
    const { clock, leases, replica } = world();
    const a = replica('a');
    for (let i = 0; i < 10; i += 1) {
      leases.write('x', { metadata, spec: { ...garbage, renewTime: new Date(clock.now()).toISOString() } });
      await clock.advance(50_000);
    }
    expect(a.elector.isLeader()).toBe(false);
  });
});

describe('a Lease that nobody holds and that cannot be taken', () => {
  test('is said by readiness after half a minute, and in the log three times a minute at most', async () => {
    const { clock, replica } = world();
    const a = replica('a');
    a.client.trouble = 'refuse';
    await clock.advance(29_000);
    expect(a.elector.failure()).toBeUndefined();
    await clock.advance(10 * 60_000);
    expect(a.elector.failure()).toMatch(
      /^lease rekey\/leader was not taken, and no holder was seen, for 6\d\d s: test leases: Unreachable/,
    );
    const warned = a.log.lines.filter(({ message }) => message === 'could not acquire the lease').length;
    expect(warned).toBeGreaterThan(10);
    expect(warned).toBeLessThanOrEqual(33);
    a.client.trouble = undefined;
    await clock.advance(3_000);
    expect([a.elector.isLeader(), a.elector.failure()]).toEqual([true, undefined]);
  });

  test('is nothing that a standby says, which waits for its leader', async () => {
    const { clock, replica } = world();
    replica('a');
    await clock.advance(1_000);
    const b = replica('b');
    await clock.advance(300_000);
    expect(b.elector.failure()).toBeUndefined();
  });
});

test('a graceful stop ends the term first, then gives the Lease away, and leaves no timer', async () => {
  const { clock, leases, replica } = world();
  const a = replica('a');
  await clock.advance(5_000);
  const endedBefore: boolean[] = [];
  const write = leases.write.bind(leases);
  leases.write = (by, object) => {
    endedBefore.push(a.terms[0]?.aborted === true);
    return write(by, object);
  };
  a.stop.abort();
  await turn();
  expect(a.end()).toBe('stopped');
  expect(endedBefore).toEqual([true]);
  expect(spec(leases)).toMatchObject({ holderIdentity: '', leaseDurationSeconds: 1, leaseTransitions: 0 });
  expect(clock.timers).toBe(0);
});

test('a stop leaves the Lease alone that somebody else has taken', async () => {
  const { clock, leases, replica } = world();
  const a = replica('a');
  await clock.advance(1_000);
  clock.freeze(60_000);
  leases.write('b', { ...(leases.lease as Lease), spec: { holderIdentity: 'b', leaseDurationSeconds: 15 } });
  a.stop.abort();
  await turn();
  expect(a.end()).toBe('stopped');
  expect(spec(leases)?.holderIdentity).toBe('b');
});

test('durations that cannot be safe are refused', () => {
  const { clock, leases } = world();
  const base = { client: leases.client('a'), clock, log: fakeLog(), namespace: 'n', name: 'l', identity: 'a' };
  const build = (times: object) => () => new LeaderElector({ ...base, onStartedLeading: () => undefined, ...times });
  expect(build({ leaseDurationMs: 10_000 })).toThrow(RangeError);
  expect(build({ renewDeadlineMs: 14_000 })).toThrow(RangeError);
  expect(build({ retryPeriodMs: 0 })).toThrow(RangeError);
});

test('two electors over HTTP hand the Lease on', async () => {
  let lease: Lease | undefined;
  let version = 1;
  await using api = await fakeApi((request, response) => {
    const store = () => {
      const body = JSON.parse(request.body);
      version += 1;
      lease = { ...body, metadata: { ...body.metadata, resourceVersion: String(version) } };
      json(200, lease)(request, response);
    };
    if (request.query.has('watch')) refusal(403, 'Forbidden', '')(request, response);
    else if (request.method === 'POST') {
      if (lease === undefined) store();
      else refusal(409, 'AlreadyExists', '')(request, response);
    } else if (lease === undefined) refusal(404, 'NotFound', '')(request, response);
    else if (request.method === 'GET') json(200, lease)(request, response);
    else if (JSON.parse(request.body).metadata.resourceVersion === lease.metadata.resourceVersion) store();
    else refusal(409, 'Conflict', '')(request, response);
  });
  const replica = (identity: string) => {
    const stop = new AbortController();
    const times = { leaseDurationMs: 1_000, renewDeadlineMs: 600, retryPeriodMs: 20 };
    const common = { client: api.client(), clock: systemClock, log: fakeLog(), namespace: 'rekey', name: 'leader' };
    const elector = new LeaderElector({ ...common, ...times, identity, onStartedLeading: () => undefined });
    return { stop, elector, run: elector.run(stop.signal) };
  };
  const replicas = [replica('a'), replica('b')];
  const leaders = () => replicas.filter(({ elector }) => elector.isLeader());
  await expect.poll(() => leaders().length).toBe(1);
  const [first] = leaders();
  first?.stop.abort();
  expect(await first?.run).toBe('stopped');
  await expect.poll(() => leaders().length).toBe(1);
  expect(leaders()[0]).not.toBe(first);
  for (const { stop, run } of replicas) {
    stop.abort();
    expect(await run).toBe('stopped');
  }
  expect(lease?.spec?.holderIdentity).toBe('');
});
