import { describe, expect, test, vi } from 'vitest';
import { type ControllerMetrics, type Reconcile, type Result, runController } from '../../../src/runtime/controller.ts';
import { WorkQueue } from '../../../src/runtime/workqueue.ts';
import { FakeClock, turn } from './fake-clock.ts';
import { fakeLog } from './fake-log.ts';

function start(reconcile: Reconcile<string>, { workers = 1, urgent = 3, drainMs = 20_000 } = {}) {
  const clock = new FakeClock();
  const queue = new WorkQueue({ clock, random: () => 0 });
  const log = fakeLog();
  const metrics = { workers: vi.fn(), started: vi.fn(), ended: vi.fn<ControllerMetrics['ended']>() };
  const stop = new AbortController();
  const abort = new AbortController();
  const ended = runController(
    { name: 'rotation', queue, workers, urgent, reconcile, clock, log, metrics, drainMs },
    { stop: stop.signal, abort: abort.signal },
  );
  return { clock, queue, log, metrics, stop, abort, ended };
}

describe('a reconciler that', () => {
  test('has nothing to say is done, and its failures are forgotten', async () => {
    const { queue, clock, metrics } = start(async () => undefined);
    queue.addRateLimited('shop/a');
    await clock.advance(5);
    expect(queue.numRequeues('shop/a')).toBe(0);
    expect(metrics.ended).toHaveBeenCalledExactlyOnceWith('success', 0);
  });

  test('waits for nothing leaves their turn to timers and sockets', async () => {
    let passes = 0;
    const { queue, stop, ended } = start(async () => {
      passes += 1;
      if (passes > 10_000) void queue.shutDown();
      return { requeueAfterMs: 0 };
    });
    queue.add('shop/a');
    setTimeout(() => stop.abort(), 1);
    await ended;
    expect(passes).toBeLessThan(10_000);
  });

  test('asks for a later look gets it', async () => {
    const reconcile = vi.fn(async (): Promise<Result> => ({ requeueAfterMs: 60_000 }));
    const { queue, clock, metrics } = start(reconcile);
    queue.add('shop/a');
    await clock.advance(59_999);
    expect(reconcile).toHaveBeenCalledTimes(1);
    await clock.advance(1);
    expect(reconcile).toHaveBeenCalledTimes(2);
    expect(metrics.ended).toHaveBeenLastCalledWith('requeue_after', 0);
  });

  test('throws is called again after a growing pause, with an error in the log', async () => {
    const reconcile = vi.fn(async () => {
      throw new Error('etcd');
    });
    const { queue, clock, metrics, log } = start(reconcile);
    queue.add('shop/a');
    await clock.advance(5 + 10 + 20);
    expect(reconcile).toHaveBeenCalledTimes(4);
    expect(queue.numRequeues('shop/a')).toBe(4);
    expect(metrics.ended).toHaveBeenLastCalledWith('error', 0);
    expect(log.lines[0]).toMatchObject({
      level: 'error',
      fields: { controller: 'rotation', namespace: 'shop', name: 'a' },
    });
  });

  test('throws without waiting for anything is no different', async () => {
    const { queue, clock, metrics } = start(() => {
      throw new Error('at once');
    });
    queue.add('shop/a');
    await clock.advance(5);
    expect(metrics.ended).toHaveBeenCalledTimes(2);
  });
});

test('each look has an id of its own in its log', async () => {
  const { queue, log } = start(async (key, _, child) => child.info(`looked at ${key}`));
  queue.add('shop/a');
  queue.add('shop/b');
  await turn();
  const ids = log.lines.map(({ fields }) => fields.reconcileId);
  expect(new Set(ids).size).toBe(2);
});

test('as many keys are processed at once as there are workers, never one key twice', async () => {
  const running: string[] = [];
  let most = 0;
  const { queue, clock } = start(
    async (key) => {
      expect(running).not.toContain(key);
      running.push(key);
      most = Math.max(most, running.length);
      await clock.sleep(100);
      running.splice(running.indexOf(key), 1);
    },
    { workers: 3 },
  );
  for (let round = 0; round < 5; round += 1) {
    for (const key of ['a', 'b', 'c', 'd', 'e']) queue.add(key);
    await clock.advance(50);
  }
  await clock.advance(2_000);
  expect(most).toBe(3);
  expect(running).toEqual([]);
});

describe('a stop', () => {
  test('takes no new key and waits for what is under way, without disturbing it', async () => {
    const seen: string[] = [];
    let disturbed = false;
    const { queue, clock, stop, ended } = start(async (key, signal) => {
      seen.push(key);
      await clock.sleep(5_000);
      disturbed = signal.aborted;
    });
    queue.add('a');
    queue.add('b');
    await turn();
    stop.abort();
    await clock.advance(5_000);
    await ended;
    expect(seen).toEqual(['a']);
    expect(disturbed).toBe(false);
    expect(clock.timers).toBe(0);
  });

  test('aborts what is still under way at the end of the time', async () => {
    let signalled: AbortSignal | undefined;
    const { queue, clock, stop, ended, log } = start(
      (_, signal) => {
        signalled = signal;
        return new Promise(() => undefined);
      },
      { drainMs: 20_000 },
    );
    queue.add('a');
    await turn();
    stop.abort();
    await clock.advance(19_999);
    expect(signalled?.aborted).toBe(false);
    await clock.advance(1);
    await ended;
    expect(signalled?.aborted).toBe(true);
    expect(log.lines.at(-1)?.level).toBe('warn');
  });

  test('of leadership aborts at once', async () => {
    const { queue, clock, abort, ended } = start((_, signal) => clock.sleep(60_000, signal));
    queue.add('a');
    await turn();
    abort.abort(new Error('lost'));
    await ended;
  });
});

test('an emergency waits for no pass of another resource, however long that takes', async () => {
  const served: string[] = [];
  const { queue, stop } = start(async (key) => {
    served.push(key);
    if (key !== 'shop/leak') await new Promise(() => {});
  });
  queue.add('shop/slow');
  queue.add('shop/waits');
  await turn();
  queue.add('shop/leak', { priority: 3 });
  await turn();
  expect(served).toEqual(['shop/slow', 'shop/leak']);
  stop.abort();
});
