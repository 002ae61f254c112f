import { expect, test } from 'vitest';
import { healthOf, readinessOf } from '../../src/probes.ts';
import { WorkQueue } from '../../src/runtime/workqueue.ts';
import { FakeClock } from './runtime/fake-clock.ts';

const well = { failure: () => undefined };

function build(works = true) {
  const clock = new FakeClock();
  const queue = new WorkQueue({ clock });
  const cluster = { checks: {} };
  const stop = new AbortController().signal;
  const leading = () => undefined;
  const probed = { cluster, secrets: well, calls: well, renewals: well, leading, queue, works: () => works, stop };
  return { clock, queue, ready: readinessOf(probed).queue, healthy: healthOf(probed).queue };
}

test('a queue from which nobody takes a key is not ready, and a restart would not mend that', async () => {
  const { clock, queue, ready, healthy } = build();
  queue.add('shop/a');
  await clock.advance(60_000);
  expect(ready?.()).toBeUndefined();
  await clock.advance(1_000);
  expect(ready?.()).toBe('keys wait, and no worker has taken one for 61 s');
  expect(healthy?.()).toBeUndefined();
});

test('a standby takes no keys, and is ready', async () => {
  const { clock, queue, ready } = build(false);
  queue.add('shop/a');
  await clock.advance(3_600_000);
  expect(ready?.()).toBeUndefined();
});

test('a pass that does not end is not ready, and in the end asks for a restart', async () => {
  const { clock, queue, ready, healthy } = build();
  queue.add('shop/a');
  await queue.get();
  await clock.advance(301_000);
  expect(ready?.()).toBe('a pass has not ended for 301 s');
  expect(healthy?.()).toBeUndefined();
  await clock.advance(600_000);
  expect(healthy?.()).toBe('a pass has not ended for 901 s');
});
