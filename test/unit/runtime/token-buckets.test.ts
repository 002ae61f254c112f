/** However often something comes, it is told a few times at once and then one time in a while; what was withheld is counted. */
import { expect, test } from 'vitest';
import { runController } from '../../../src/runtime/controller.ts';
import { TokenBuckets } from '../../../src/runtime/token-buckets.ts';
import { WorkQueue } from '../../../src/runtime/workqueue.ts';
import { FakeClock } from './fake-clock.ts';
import { fakeLog } from './fake-log.ts';

test('five are told at once, and then one in half a minute, with how many were withheld', async () => {
  const clock = new FakeClock();
  const buckets = new TokenBuckets(clock);
  const told = Array.from({ length: 8 }, () => buckets.admit('a'));
  expect(told).toEqual([0, 0, 0, 0, 0, undefined, undefined, undefined]);
  expect(buckets.admit('b')).toBe(0);
  await clock.advance(30_000);
  expect([buckets.admit('a'), buckets.admit('a')]).toEqual([3, undefined]);
});

test('a key that is added again and again while its passes throw fills no log', async () => {
  const clock = new FakeClock();
  const queue = new WorkQueue({ clock, random: () => 0 });
  const log = fakeLog();
  const stop = new AbortController();
  let passes = 0;
  const reconcile = async () => {
    passes += 1;
    throw new Error('etcd');
  };
  const ended = runController({ name: 'r', queue, workers: 1, reconcile, clock, log }, { stop: stop.signal });
  for (let i = 0; i < 600; i += 1) {
    queue.add('shop/a');
    await clock.advance(100);
  }
  expect(passes).toBeGreaterThanOrEqual(600);
  // a minute
  expect(log.lines.length).toBeLessThanOrEqual(7);
  expect(log.lines.at(-1)?.fields.withheld).toBeGreaterThan(100);
  stop.abort();
  await ended;
});
