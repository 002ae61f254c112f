import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { WorkQueue } from '../../../src/runtime/workqueue.ts';
import type { WorkQueueOptions } from '../../../src/runtime/workqueue-options.ts';
import { FakeClock, turn } from './fake-clock.ts';

function build(options: Partial<WorkQueueOptions> = {}) {
  const clock = new FakeClock();
  return { clock, queue: new WorkQueue({ clock, random: () => 0, ...options }) };
}

async function takeAll(queue: WorkQueue): Promise<string[]> {
  const keys: string[] = [];
  while (queue.length > 0) {
    const key = (await queue.get()) ?? '';
    keys.push(key);
    queue.done(key);
  }
  return keys;
}

test('a waiting key is there once, in order of its first arrival', async () => {
  const { queue } = build();
  for (const key of ['a', 'b', 'a', 'c', 'b']) queue.add(key);
  expect(await takeAll(queue)).toEqual(['a', 'b', 'c']);
});

test('a key that is added while it is processed comes again after done, once, and not before', async () => {
  const { queue } = build();
  queue.add('a');
  await queue.get();
  queue.add('a');
  queue.add('a');
  expect(queue.length).toBe(0);
  queue.done('a');
  expect(await takeAll(queue)).toEqual(['a']);
});

test('a worker that waits gets the next key', async () => {
  const { queue } = build();
  const first = queue.get();
  const second = queue.get();
  queue.add('a');
  queue.add('b');
  expect(await first).toBe('a');
  expect(await second).toBe('b');
});

describe('priority', () => {
  test('the highest goes first, in order of arrival among equals', async () => {
    const { queue } = build();
    queue.add('a');
    queue.add('urgent-1', { priority: 10 });
    queue.add('b');
    queue.add('urgent-2', { priority: 10 });
    queue.add('low', { priority: -1 });
    expect(await takeAll(queue)).toEqual(['urgent-1', 'urgent-2', 'a', 'b', 'low']);
  });

  test('an emergency overtakes ten thousand keys', async () => {
    const { queue } = build();
    for (let i = 0; i < 10_000; i += 1) queue.add(`k-${i}`);
    queue.add('k-9999', { priority: 1 });
    expect(await queue.get()).toBe('k-9999');
    expect(queue.length).toBe(9_999);
  });

  test('a lower one does not push back', async () => {
    const { queue } = build();
    queue.add('a', { priority: 1 });
    queue.add('b');
    queue.add('a', { priority: 0 });
    expect(await takeAll(queue)).toEqual(['a', 'b']);
  });

  test('is kept while the key is processed', async () => {
    const { queue } = build();
    queue.add('a');
    await queue.get();
    queue.add('b');
    queue.add('a', { priority: 1 });
    queue.add('a');
    queue.done('a');
    expect(await takeAll(queue)).toEqual(['a', 'b']);
  });

  test('outlives a failure', async () => {
    const { clock, queue } = build();
    queue.add('urgent', { priority: 1 });
    await queue.get();
    queue.addRateLimited('urgent');
    queue.done('urgent');
    queue.add('a');
    await clock.advance(5);
    expect(await takeAll(queue)).toEqual(['urgent', 'a']);
  });
});

describe('addAfter', () => {
  test('adds when the time has come', async () => {
    const { clock, queue } = build();
    queue.addAfter('a', 1_000);
    await clock.advance(999);
    expect(queue.length).toBe(0);
    await clock.advance(1);
    expect(queue.length).toBe(1);
  });

  test('keeps the earliest of several times, and one timer', async () => {
    const { clock, queue } = build();
    queue.addAfter('a', 1_000);
    queue.addAfter('a', 5_000);
    queue.addAfter('a', 500);
    expect(clock.timers).toBe(1);
    await clock.advance(500);
    expect(await takeAll(queue)).toEqual(['a']);
    await clock.advance(10_000);
    expect(queue.length).toBe(0);
  });

  test.each([0, -1, Number.NaN])('%s means at once', (ms) => {
    const { queue } = build();
    queue.addAfter('a', ms);
    expect(queue.length).toBe(1);
  });

  test('keeps the highest priority of several', async () => {
    const { clock, queue } = build();
    queue.addAfter('a', 500);
    queue.addAfter('a', 900, { priority: 1 });
    await clock.advance(499);
    queue.add('b');
    await clock.advance(1);
    expect(await takeAll(queue)).toEqual(['a', 'b']);
  });
});

describe('addRateLimited', () => {
  async function pauses(queue: WorkQueue, clock: FakeClock, count: number): Promise<number[]> {
    const all: number[] = [];
    for (let i = 0; i < count; i += 1) {
      const start = clock.monotonic();
      queue.addRateLimited('a');
      while (queue.length === 0) await clock.advance(5);
      all.push(clock.monotonic() - start);
      await queue.get();
      queue.done('a');
    }
    return all;
  }

  test('pauses from 5 ms on, doubling, until forget', async () => {
    const { clock, queue } = build();
    expect(await pauses(queue, clock, 5)).toEqual([5, 10, 20, 40, 80]);
    expect(queue.numRequeues('a')).toBe(5);
    queue.forget('a');
    expect(queue.numRequeues('a')).toBe(0);
    expect(await pauses(queue, clock, 1)).toEqual([5]);
  });

  test('never pauses for more than five minutes, with jitter for less', async () => {
    const { clock, queue } = build({ random: () => 1 });
    for (let i = 0; i < 1_000; i += 1) queue.addRateLimited('b');
    await clock.advance(1_000);
    await queue.get();
    queue.done('b');
    queue.addRateLimited('b');
    await clock.advance(224_999);
    expect(queue.length).toBe(0);
    await clock.advance(1);
    expect(queue.length).toBe(1);
  });
});

describe('shutDown', () => {
  test('drops what waits, frees the workers, and takes nothing more', async () => {
    const { clock, queue } = build();
    const { queue: other } = build();
    queue.add('a');
    queue.addAfter('b', 1_000);
    const waiting = other.get();
    await Promise.all([queue.shutDown(), other.shutDown()]);
    queue.add('c');
    queue.addAfter('d', 0);
    queue.addRateLimited('e');
    expect(await waiting).toBeUndefined();
    expect(await queue.get()).toBeUndefined();
    expect(clock.timers).toBe(0);
  });

  test('resolves only when what was handed out is done, which does not come again', async () => {
    const { queue } = build();
    queue.add('a');
    await queue.get();
    queue.add('a');
    let ended = false;
    const ending = queue.shutDown().then(() => {
      ended = true;
    });
    await turn();
    expect(ended).toBe(false);
    queue.done('a');
    await ending;
    expect(queue.length).toBe(0);
  });

  test('with drain still hands out what waits', async () => {
    const { queue } = build();
    queue.add('a');
    queue.add('b');
    const ending = queue.shutDown({ drain: true });
    expect(await takeAll(queue)).toEqual(['a', 'b']);
    expect(await queue.get()).toBeUndefined();
    await ending;
  });
});

test('metrics are told in the terms of client-go', async () => {
  const clock = new FakeClock();
  const told: string[] = [];
  let processing = () => ({ unfinishedSeconds: 0, longestSeconds: 0 });
  const queue = new WorkQueue({
    clock,
    metrics: {
      added: () => told.push('added'),
      retried: () => told.push('retried'),
      depth: (keys) => told.push(`depth ${keys}`),
      waited: (seconds) => told.push(`waited ${seconds}`),
      worked: (seconds) => told.push(`worked ${seconds}`),
      observe: (source) => {
        processing = source;
      },
    },
  });
  queue.add('a');
  queue.add('a');
  await clock.advance(1_500);
  await queue.get();
  await clock.advance(2_000);
  expect(processing()).toEqual({ unfinishedSeconds: 2, longestSeconds: 2 });
  queue.done('a');
  expect(told).toEqual(['added', 'depth 1', 'waited 1.5', 'depth 0', 'worked 2']);
  expect(processing()).toEqual({ unfinishedSeconds: 0, longestSeconds: 0 });
});

test('no key is ever processed twice at once, and every key that was added is processed after its last addition', async () => {
  const key = fc.constantFrom('a', 'b', 'c');
  const step = fc.oneof(
    fc.record({ do: fc.constant('add' as const), key, priority: fc.nat(2) }),
    fc.record({ do: fc.constant('after' as const), key, priority: fc.nat(2) }),
    fc.record({ do: fc.constant('get' as const), key, priority: fc.nat(2) }),
    fc.record({ do: fc.constant('done' as const), key, priority: fc.nat(2) }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const { clock, queue } = build();
      const running = new Set<string>();
      const owed = new Set<string>();
      const take = async () => {
        if (queue.length === 0) return;
        const taken = (await queue.get()) ?? '';
        expect(running.has(taken)).toBe(false);
        running.add(taken);
        owed.delete(taken);
      };
      const finish = (taken: string) => {
        running.delete(taken);
        queue.done(taken);
      };
      for (const { do: action, key: name, priority } of steps) {
        if (action === 'add') queue.add(name, { priority });
        if (action === 'after') queue.addAfter(name, 10, { priority });
        if (action === 'add' || action === 'after') owed.add(name);
        if (action === 'get') await take();
        if (action === 'done' && running.has(name)) finish(name);
      }
      for (const taken of [...running]) finish(taken);
      await clock.advance(10);
      while (queue.length > 0) {
        await take();
        for (const taken of [...running]) finish(taken);
      }
      expect([...owed]).toEqual([]);
    }),
    { numRuns: 60 },
  );
});

test('how long keys wait counts from when one was last handed out, and is nothing while none waits', async () => {
  const { clock, queue } = build();
  await clock.advance(50_000);
  expect(queue.stillFor()).toBe(0);
  queue.add('a');
  queue.add('b');
  await clock.advance(7_000);
  expect(queue.stillFor()).toBe(7_000);
  await queue.get();
  await clock.advance(2_000);
  expect(queue.stillFor()).toBe(2_000);
  expect(queue.longestMs()).toBe(2_000);
  await queue.get();
  expect(queue.stillFor()).toBe(0);
});

test('namespaces take turns, however many keys each has, and a higher priority goes before all of them', async () => {
  const { queue } = build();
  for (const key of ['big/1', 'big/2', 'big/3', 'big/4', 'small/1', 'tiny/1', 'small/2']) queue.add(key);
  queue.add('big/urgent', { priority: 3 });
  expect(await takeAll(queue)).toEqual([
    ...['big/urgent', 'big/1', 'small/1', 'tiny/1'],
    ...['big/2', 'small/2', 'big/3', 'big/4'],
  ]);
});

test('lower priorities have a share, but not while the urgent wait', async () => {
  const { queue } = build({ share: { below: 3, oneIn: 4 } });
  for (let i = 0; i < 20; i += 1) queue.add(`hung/${i}`, { priority: 2 });
  for (const key of ['shop/wanted', 'shop/other']) queue.add(key, { priority: 1 });
  queue.add('shop/rest');
  for (let i = 0; i < 10; i += 1) queue.add(`leak/${i}`, { priority: 3 });
  const taken = await takeAll(queue);
  expect(taken.slice(0, 10).every((key) => key.startsWith('leak/'))).toBe(true);
  expect([13, 17, 21, 25].map((i) => taken[i])).toEqual(['shop/wanted', 'shop/other', 'shop/rest', 'hung/12']);
});

test('lower priorities have their share also while somebody waits for what is urgent only', async () => {
  const { queue } = build({ share: { below: 3, oneIn: 4 } });
  void queue.get(3);
  for (let i = 0; i < 20; i += 1) queue.add(`hung/${i}`, { priority: 2 });
  queue.add('shop/wanted', { priority: 1 });
  const taken: string[] = [];
  for (let i = 0; i < 8; i += 1) {
    const key = (await queue.get()) ?? '';
    taken.push(key);
    queue.done(key);
    // what hangs comes again
    queue.add(key, { priority: 2 });
  }
  expect(taken).toContain('shop/wanted');
});

test('a namespace may get several keys in its turn', async () => {
  const { queue } = build({ run: 2 });
  for (const key of ['big/1', 'big/2', 'big/3', 'small/1', 'big/4', 'small/2', 'small/3', 'big/5']) queue.add(key);
  expect(await takeAll(queue)).toEqual([
    ...['big/1', 'big/2', 'small/1', 'small/2', 'big/3', 'big/4'],
    ...['small/3', 'big/5'],
  ]);
});

test('who takes only urgent keys leaves the others, and gets an urgent one while everybody else is busy', async () => {
  const { queue } = build();
  queue.add('shop/a');
  const urgent = queue.get(3);
  const heard: (string | undefined)[] = [];
  void urgent.then((key) => heard.push(key));
  queue.add('shop/b', { priority: 2 });
  await turn();
  expect(heard).toEqual([]);
  queue.add('shop/leak', { priority: 3 });
  await turn();
  expect(heard).toEqual(['shop/leak']);
  expect(await queue.get()).toBe('shop/b');
  queue.add('shop/leak', { priority: 3 });
  queue.done('shop/leak');
  expect(await queue.get(3)).toBe('shop/leak');
});

describe('what goes first', () => {
  const first = { least: 3, mostMs: 500 };

  /** A queue with a worker for each of these priorities, and what they were given. */
  function withWorkers(...least: readonly (number | undefined)[]) {
    const { clock, queue } = build({ first });
    const begun: string[] = [];
    for (const priority of least) void queue.get(priority).then((key) => begun.push(key ?? 'none'));
    return { clock, queue, begun };
  }

  test('holds back all others while it is under way, and lets them begin when it is done', async () => {
    const { queue, begun } = withWorkers(3, undefined);
    queue.add('shop/leak', { priority: 3 });
    queue.add('shop/a', { priority: 2 });
    await turn();
    expect(begun).toEqual(['shop/leak']);
    queue.done('shop/leak');
    await turn();
    expect(begun).toEqual(['shop/leak', 'shop/a']);
  });

  test('holds back nothing of its own class', async () => {
    const { queue, begun } = withWorkers(3, undefined, undefined);
    for (const key of ['shop/leak-1', 'shop/leak-2', 'shop/leak-3']) queue.add(key, { priority: 3 });
    await turn();
    expect(begun).toEqual(['shop/leak-1', 'shop/leak-2', 'shop/leak-3']);
  });

  test('does not hold back what is under way: only the next pass does not begin', async () => {
    const { queue } = build({ first });
    queue.add('shop/a');
    queue.add('shop/b');
    expect(await queue.get()).toBe('shop/a');
    queue.add('shop/leak', { priority: 3 });
    queue.done('shop/a');
    expect(await queue.get()).toBe('shop/leak');
    const next = queue.get();
    queue.done('shop/leak');
    expect(await next).toBe('shop/b');
  });

  test('holds back others as well while the resource has a pass of before its emergency', async () => {
    const { queue, begun } = withWorkers(undefined, undefined);
    queue.add('shop/leak');
    await turn();
    queue.add('shop/leak', { priority: 3 });
    queue.add('shop/a');
    await turn();
    expect(begun).toEqual(['shop/leak']);
    queue.done('shop/leak');
    await turn();
    expect(begun).toEqual(['shop/leak', 'shop/leak']);
  });

  test('lets others that are under way go on when it is done, and itself at once', async () => {
    const { clock, queue, begun } = withWorkers(undefined, 3, undefined);
    queue.add('shop/a');
    queue.add('shop/leak', { priority: 3 });
    queue.add('shop/burning');
    queue.add('shop/burning', { priority: 3 });
    await turn();
    const gone: string[] = [];
    for (const key of begun) void queue.turnOf(key).then(() => gone.push(key));
    await clock.advance(400);
    expect(gone).toEqual(['shop/leak', 'shop/burning']);
    queue.done('shop/leak');
    queue.done('shop/burning');
    await turn();
    expect(gone).toEqual(['shop/leak', 'shop/burning', 'shop/a']);
    await queue.turnOf('shop/a');
  });

  test('holds back for so long in a row at most, however long it takes', async () => {
    const { clock, queue, begun } = withWorkers(3, undefined);
    queue.add('shop/hangs', { priority: 3 });
    queue.add('shop/a');
    await clock.advance(499);
    expect(begun).toEqual(['shop/hangs']);
    await clock.advance(1);
    expect(begun).toEqual(['shop/hangs', 'shop/a']);
  });

  test('a storm of it leaves half of the time to the others', async () => {
    const { clock, queue } = build({ first });
    let others = 0;
    const work = async (least?: number) => {
      for (let key = await queue.get(least); key !== undefined; key = await queue.get(least)) {
        const isOther = key === 'shop/a';
        if (isOther) others += 1;
        await clock.sleep(isOther ? 10 : 70);
        // each comes again at once, as in the middle of a storm
        queue.add(key, { priority: isOther ? 0 : 3 });
        queue.done(key);
      }
    };
    const working = [work(3), work()];
    queue.add('shop/leak', { priority: 3 });
    queue.add('shop/a');
    await clock.advance(10_000);
    // a worker would have begun a thousand without the storm
    expect(others).toBeGreaterThan(400);
    expect(others).toBeLessThan(600);
    void queue.shutDown();
    await clock.advance(100);
    await Promise.all(working);
    expect(clock.timers).toBe(0);
  });

  test('holds back nothing once the queue is shut down, so that what waits is handed out', async () => {
    const { clock, queue } = build({ first });
    queue.add('shop/leak', { priority: 3 });
    queue.add('shop/a');
    await queue.get();
    const ending = queue.shutDown({ drain: true });
    expect(await queue.get()).toBe('shop/a');
    queue.done('shop/a');
    queue.done('shop/leak');
    await ending;
    expect(clock.timers).toBe(0);
  });
});

test('a key that goes first comes again within its own bound, however often it fails', async () => {
  const { queue, clock } = build({ first: { least: 3, mostMs: 500, maxDelayMs: 15_000 } });
  queue.add('urgent', { priority: 3 });
  queue.add('other');
  const pauses = { urgent: 0, other: 0 };
  for (let failed = 0; failed < 20; failed += 1) {
    for (const key of ['urgent', 'other'] as const) {
      expect(await queue.get()).toBe(key);
      queue.addRateLimited(key);
      queue.done(key);
    }
    for (const key of ['urgent', 'other'] as const) pauses[key] = 0;
    const before = clock.monotonic();
    while (queue.length < 1) await clock.advance(100);
    pauses.urgent = clock.monotonic() - before;
    while (queue.length < 2) await clock.advance(100);
    pauses.other = clock.monotonic() - before;
  }
  expect(pauses.urgent).toBeLessThanOrEqual(15_100);
  expect(pauses.other).toBeGreaterThan(200_000);
});
