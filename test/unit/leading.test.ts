import { expect, test } from 'vitest';
import { type LeadingOptions, leadingBy } from '../../src/leading.ts';
import { createRegistry } from '../../src/runtime/metrics.ts';
import { FakeClock } from './runtime/fake-clock.ts';
import { FakeLeases } from './runtime/fake-leases.ts';
import { fakeLog } from './runtime/fake-log.ts';

function build() {
  const clock = new FakeClock();
  const leases = new FakeLeases(clock);
  const replica = (identity: string) => {
    const heard = { at: clock.monotonic(), ever: true };
    const stop = new AbortController();
    const log = fakeLog();
    const terms: AbortSignal[] = [];
    const leading = leadingBy({
      ...{ flags: { leaderElection: true, shards: 1 }, client: leases.client(identity), clock, log, identity },
      ...{ registry: createRegistry(), namespace: 'rekey', lead: (term: AbortSignal) => terms.push(term) },
      silentSeconds: () => (heard.ever ? (clock.monotonic() - heard.at) / 1_000 : Number.POSITIVE_INFINITY),
    } as unknown as LeadingOptions);
    const ends: string[] = [];
    void leading.run(stop.signal).then((end) => ends.push(end));
    return { heard, stop, leading, log, terms, ends };
  };
  return { clock, leases, replica };
}

test('a leader that hears nothing for five minutes ends, and the next one takes over once its work has ended', async () => {
  const { clock, leases, replica } = build();
  const a = replica('a');
  await clock.advance(1_000);
  const b = replica('b');
  await clock.advance(300_000);
  expect([a.ends, a.terms.length]).toEqual([[], 1]);
  b.heard.at = clock.monotonic();
  await clock.advance(10_000);
  expect(a.ends).toEqual(['deaf']);
  expect(a.log.lines.at(-1)?.message).toBe('the watch of resources is silent: giving the lease away');
  // as the operator does, when the work has ended
  expect(leases.lease?.spec?.holderIdentity).toBe('a');
  a.stop.abort();
  await a.leading.close();
  await clock.advance(1_000);
  expect([b.terms.length, leases.lease?.spec?.holderIdentity]).toEqual([1, 'b']);
  b.stop.abort();
  await clock.advance(20_000);
  expect([b.ends, clock.timers]).toEqual([['stopped'], 0]);
});

test('what was silent before it leads does not count, so that two that are both deaf take turns slowly', async () => {
  const { clock, replica } = build();
  const a = replica('a');
  await clock.advance(200_000);
  a.heard.at = clock.monotonic() - 3_600_000;
  await clock.advance(99_000);
  expect(a.ends).toEqual([]);
  await clock.advance(20_000);
  expect(a.ends).toEqual(['deaf']);
});

test('a leader that hears something now and then, or never could, stays', async () => {
  const { clock, replica } = build();
  const a = replica('a');
  for (let i = 0; i < 5; i += 1) {
    await clock.advance(290_000);
    a.heard.at = clock.monotonic();
  }
  a.heard.ever = false;
  await clock.advance(3_600_000);
  expect(a.ends).toEqual([]);
});
