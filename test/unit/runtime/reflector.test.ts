import { describe, expect, test } from 'vitest';
import { KubeError, type KubeErrorCode } from '../../../src/kube/errors.ts';
import type { WatchOptions } from '../../../src/kube/options.ts';
import { type KubeObject, PODS, type Pod } from '../../../src/kube/types.ts';
import type { WatchEvent } from '../../../src/kube/watch.ts';
import { Reflector } from '../../../src/runtime/reflector.ts';
import type { ReflectorOptions } from '../../../src/runtime/reflector-options.ts';
import { FakeClock, turn } from './fake-clock.ts';
import { fakeLog } from './fake-log.ts';

type Client = ReflectorOptions<Pod, string>['client'];
type Step = WatchEvent<Pod> | KubeError | 'end';

const pod = (name: string, resourceVersion: string, note = ''): Pod => ({
  metadata: { namespace: 'shop', name, resourceVersion, annotations: { note } },
});
const error = (code: KubeErrorCode, retryAfterMs?: number) =>
  new KubeError({ code, retryAfterMs, verb: 'watch', resource: 'pods' });
const added = (name: string, version: string, note = '') => ({
  type: 'ADDED' as const,
  object: pod(name, version, note),
});
const bookmark = (version: string) => ({ type: 'BOOKMARK' as const, object: pod('', version) });

/** How often a reflector has said that history went back. */
const rewinds = ({ lines }: ReturnType<typeof fakeLog>) =>
  lines.filter(({ message }) => message.startsWith('the history of the server went back')).length;

/** A server of one list and one stream at a time. */
function fakeServer() {
  const server = {
    items: [] as readonly Pod[],
    version: '10',
    listError: undefined as KubeError | undefined,
    lists: 0,
    watches: [] as WatchOptions[],
    send: (_: Step) => {},
    client: {} as Client,
  };
  const client = {
    async *pages() {
      server.lists += 1;
      if (server.listError !== undefined) throw server.listError;
      yield { items: server.items.slice(0, 1), resourceVersion: server.version };
      yield { items: server.items.slice(1), resourceVersion: server.version };
    },
    async *watch(_: unknown, options: WatchOptions) {
      server.watches.push(options);
      const steps: Step[] = [];
      let wake = () => {};
      options.signal?.addEventListener('abort', () => wake());
      server.send = (step) => {
        steps.push(step);
        wake();
      };
      while (options.signal?.aborted !== true) {
        const step = steps.shift();
        if (step === 'end') return;
        if (step instanceof Error) throw step;
        if (step !== undefined) yield step;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
  server.client = client as unknown as Client;
  return server;
}

function start(options: Partial<ReflectorOptions<Pod, string>> = {}) {
  const clock = new FakeClock();
  const server = fakeServer();
  const log = fakeLog();
  const stop = new AbortController();
  const changes: string[] = [];
  const reflector = new Reflector<Pod, string>({
    client: server.client,
    type: PODS,
    project: (raw) => `${raw.metadata.name}@${raw.metadata.resourceVersion}${raw.metadata.annotations?.note ?? ''}`,
    clock,
    log,
    random: () => 0.5,
    ...options,
  });
  reflector.onChange((key, old, current) => changes.push(`${key}: ${old} -> ${current}`));
  const run = () => reflector.run(stop.signal);
  return { clock, server, log, stop, changes, reflector, run };
}

test('the first list fills the store, is told to handlers, and makes it synced', async () => {
  const { reflector, server, changes, run } = start();
  server.items = [pod('a', '5'), pod('b', '6')];
  expect(reflector.hasSynced()).toBe(false);
  expect(reflector.secondsSinceContact()).toBe(Number.POSITIVE_INFINITY);
  void run();
  await reflector.synced;
  expect(reflector.hasSynced()).toBe(true);
  expect(reflector.store.list('shop')).toEqual(['a@5', 'b@6']);
  expect(changes).toEqual(['shop/a: undefined -> a@5', 'shop/b: undefined -> b@6']);
  await turn();
  expect(server.watches).toMatchObject([{ resourceVersion: '10', timeoutSeconds: 300 }]);
});

test('events change the store', async () => {
  const { reflector, server, run, changes } = start();
  void run();
  await turn();
  server.send(added('a', '11'));
  server.send({ type: 'MODIFIED', object: pod('a', '12') });
  server.send({ type: 'DELETED', object: pod('a', '13') });
  await turn();
  expect(changes).toEqual(['shop/a: undefined -> a@11', 'shop/a: a@11 -> a@12', 'shop/a: a@12 -> undefined']);
  expect(reflector.store.size).toBe(0);
});

test('the next watch starts where the last one ended, bookmarks counted, without another list', async () => {
  const { server, run, clock } = start();
  void run();
  await clock.advance(60_000);
  server.send(added('a', '11'));
  server.send(bookmark('20'));
  server.send('end');
  await clock.advance(0);
  expect(server.watches.map(({ resourceVersion }) => resourceVersion)).toEqual(['10', '20']);
  expect(server.lists).toBe(1);
});

describe('after a failure', () => {
  test.each(['ServerError', 'Unauthorized', 'Forbidden'] as const)(
    'of a watch (%s) it watches on after a pause, without a list',
    async (code) => {
      const { server, run, clock } = start();
      void run();
      await turn();
      server.send(added('a', '11'));
      server.send(error(code));
      await clock.advance(599);
      expect(server.watches).toHaveLength(1);
      await clock.advance(1);
      expect(server.watches.map(({ resourceVersion }) => resourceVersion)).toEqual(['10', '11']);
      expect(server.lists).toBe(1);
    },
  );

  test('pauses grow to thirty seconds, so an outage of ten minutes costs few calls', async () => {
    const { server, run, clock, reflector } = start();
    server.listError = error('Unreachable');
    void run();
    await clock.advance(600_000);
    expect(server.lists).toBeGreaterThan(20);
    expect(server.lists).toBeLessThan(40);
    server.listError = undefined;
    await clock.advance(30_000);
    expect(reflector.hasSynced()).toBe(true);
  });

  test('it waits as long as the server asks', async () => {
    const { server, run, clock } = start();
    void run();
    await turn();
    server.send(error('TooManyRequests', 45_000));
    await clock.advance(44_999);
    expect(server.watches).toHaveLength(1);
    await clock.advance(1);
    expect(server.watches).toHaveLength(2);
  });

  test('a watch that ends at once again and again is a failure too', async () => {
    const { server, run, clock } = start();
    void run();
    for (let half = 0; half < 120; half += 1) {
      await clock.advance(500);
      server.send('end');
    }
    expect(server.watches.length).toBeLessThan(10);
  });
});

describe('Gone', () => {
  test('leads to one new list, whose differences are told', async () => {
    const { server, run, clock, changes } = start();
    server.items = [pod('a', '5'), pod('b', '6')];
    void run();
    await turn();
    server.items = [pod('b', '6'), pod('c', '40')];
    server.version = '50';
    changes.length = 0;
    server.send(error('Gone'));
    await clock.advance(1_000);
    expect(server.lists).toBe(2);
    expect(changes).toEqual(['shop/a: a@5 -> undefined', 'shop/c: undefined -> c@40']);
    expect(server.watches.at(-1)?.resourceVersion).toBe('50');
  });

  test('may take the store back, since history has changed, and says so', async () => {
    const { server, run, clock, reflector, log } = start();
    server.items = [pod('a', '9')];
    void run();
    await turn();
    server.items = [pod('a', '4')];
    server.version = '5';
    server.send(error('Gone'));
    await clock.advance(1_000);
    expect(reflector.store.list()).toEqual(['a@4']);
    expect(rewinds(log)).toBe(1);
  });

  test('after an outage leads to a new list soon, not after the pauses that grew meanwhile', async () => {
    const { server, run, clock } = start();
    void run();
    await turn();
    for (let second = 0; second < 60; second += 1) {
      server.send(error('Unreachable'));
      await clock.advance(1_000);
    }
    // the last pause of the outage ends
    await clock.advance(30_000);
    const before = server.lists;
    server.send(error('Gone'));
    await clock.advance(1_000);
    expect(server.lists).toBe(before + 1);
  });

  test('again and again is not a storm', async () => {
    const { server, run, clock } = start();
    void run();
    for (let second = 0; second < 60; second += 1) {
      await clock.advance(1_000);
      server.send(error('Gone'));
    }
    expect(server.lists).toBeLessThan(10);
  });
});

describe('the list in between', () => {
  test('comes after ten minutes, and finds what no event told', async () => {
    const { server, run, clock, reflector } = start();
    server.items = [pod('a', '5')];
    void run();
    await clock.advance(300_000);
    server.send('end');
    await clock.advance(1_000);
    const timeouts = server.watches.map(({ timeoutSeconds }) => timeoutSeconds);
    expect(timeouts).toEqual([300, 300]);
    server.items = [pod('b', '15')];
    server.version = '20';
    await clock.advance(300_000);
    server.send('end');
    await clock.advance(1_000);
    expect(server.lists).toBe(2);
    expect(reflector.store.list()).toEqual(['b@15']);
  });

  test('never lets a watch outlast it', async () => {
    const { server, run, clock } = start({ relistMs: 120_000 });
    void run();
    await clock.advance(0);
    expect(server.watches[0]?.timeoutSeconds).toBe(120);
  });

  test('from a server that lags behind is left aside', async () => {
    const { server, run, clock, reflector } = start({ relistMs: 60_000 });
    server.items = [pod('a', '5')];
    void run();
    await clock.advance(1_000);
    server.send(added('b', '30'));
    await clock.advance(59_000);
    server.items = [pod('a', '5')];
    server.version = '20';
    server.send('end');
    await clock.advance(2_000);
    expect(server.lists).toBeGreaterThan(1);
    expect(reflector.store.list()).toEqual(['a@5', 'b@30']);
    server.version = '40';
    server.items = [pod('a', '5'), pod('b', '30')];
    await clock.advance(10_000);
    expect(reflector.store.list()).toEqual(['a@5', 'b@30']);
    expect(server.watches.at(-1)?.resourceVersion).toBe('40');
  });

  test('that says again and again that history went back is believed, and told', async () => {
    const { server, run, clock, reflector, log } = start({ relistMs: 60_000 });
    server.items = [pod('a', '5')];
    void run();
    await clock.advance(1_000);
    server.send(added('b', '30'));
    await clock.advance(59_000);
    server.items = [pod('a', '4')];
    server.version = '20';
    server.send('end');
    await clock.advance(60_000);
    expect(reflector.store.list()).toEqual(['a@4']);
    expect(rewinds(log)).toBe(1);
  });
});

describe('a stream that breaks', () => {
  test.each(['Unreachable', 'Timeout'] as const)('(%s) leads to a list, whose differences are told', async (code) => {
    const { server, run, clock, changes } = start();
    server.items = [pod('a', '5'), pod('b', '6')];
    void run();
    await turn();
    changes.length = 0;
    server.items = [pod('b', '6')];
    server.version = '20';
    server.send(error(code));
    await clock.advance(1_000);
    expect(server.lists).toBe(2);
    expect(changes).toEqual(['shop/a: a@5 -> undefined']);
    expect(server.watches.at(-1)?.resourceVersion).toBe('20');
  });

  test('again and again, as behind a proxy that ends streams, leads to few lists', async () => {
    const { server, run, clock } = start();
    void run();
    await turn();
    for (let half = 0; half < 120; half += 1) {
      server.send(error('Unreachable'));
      await clock.advance(30_000);
    }
    // in an hour: at once, then in pauses that grow from one minute to ten, beside one that comes every ten minutes anyway
    expect(server.lists).toBeGreaterThan(6);
    expect(server.lists).toBeLessThanOrEqual(12);
  });

  test('because the server refuses leads to no list', async () => {
    const { server, run, clock } = start();
    void run();
    await turn();
    server.send(error('TooManyRequests'));
    await clock.advance(1_000);
    server.send(error('Forbidden'));
    await clock.advance(10_000);
    expect(server.lists).toBe(1);
  });

  test('and then a list that is refused leads to a watch, and to another list after a pause', async () => {
    const { server, run, clock, reflector } = start();
    void run();
    await turn();
    server.send(error('Unreachable'));
    server.listError = error('TooManyRequests');
    await clock.advance(30_000);
    expect(server.lists).toBe(2);
    server.send(added('a', '30'));
    await turn();
    expect(reflector.store.size).toBe(1);
    // refused again, and again there is a watch
    await clock.advance(60_000);
    server.send(error('ServerError'));
    await clock.advance(10_000);
    expect(server.lists).toBe(3);
    server.send(added('b', '31'));
    await turn();
    expect(reflector.store.size).toBe(2);
    server.listError = undefined;
    await clock.advance(240_000);
    server.send(error('ServerError'));
    await clock.advance(30_000);
    expect(server.lists).toBeGreaterThan(3);
  });

  test.each(['TooManyRequests', 'ServerError', 'Timeout'] as const)(
    'or any other list, and is refused with %s, leaves a watch open nearly always',
    async (code) => {
      const { server, run, clock, reflector } = start();
      void run();
      await turn();
      server.listError = error(code);
      // the regular lists of two hours
      const lists = server.lists;
      let [seen, open, watches] = [0, 0, 0];
      for (let minute = 0; minute < 120; minute += 1) {
        await clock.advance(60_000);
        const before = reflector.store.size;
        server.send(added(`p${minute}`, String(100 + minute)));
        await turn();
        if (reflector.store.size > before) seen += 1;
        // as a server ends a watch when its time is over
        const { timeoutSeconds = 0 } = server.watches.at(-1) ?? {};
        open = server.watches.length === watches ? open + 60 : 60;
        watches = server.watches.length;
        if (open >= timeoutSeconds) server.send('end');
      }
      expect(seen).toBeGreaterThan(115);
      expect(server.lists - lists).toBeLessThan(60);
      expect(server.lists - lists).toBeGreaterThan(20);
      server.listError = undefined;
      server.items = [pod('only', '900')];
      server.version = '900';
      await clock.advance(310_000);
      server.send('end');
      await clock.advance(1_000);
      expect(reflector.store.size).toBe(1);
    },
  );

  test('and is refused is asked for again soon by who waits for it, however long others were refused', async () => {
    const { server, run, clock, reflector } = start();
    void run();
    await turn();
    server.listError = error('TooManyRequests');
    for (let refused = 0; refused < 8; refused += 1) {
      await clock.advance(720_000);
      server.send('end');
      await clock.advance(1_000);
    }
    let done = false;
    void reflector.relist().then(() => {
      done = true;
    });
    await clock.advance(1_000);
    expect(done).toBe(false);
    server.listError = undefined;
    // the watch meanwhile lasts until the next list
    expect(server.watches.at(-1)?.timeoutSeconds).toBeLessThan(5);
    await clock.advance(5_000);
    server.send('end');
    await clock.advance(1_000);
    expect(done).toBe(true);
  });

  test('while etcd is restored: an older object in a newer list is believed at once, and told', async () => {
    const { server, run, clock, reflector, log } = start();
    server.items = [pod('a', '5')];
    void run();
    await turn();
    server.send(added('a', '30'));
    await clock.advance(1_000);
    server.send(error('Unreachable'));
    // the new history has gone on beyond what was seen of the old one
    server.items = [pod('a', '5')];
    server.version = '40';
    await clock.advance(1_000);
    expect(reflector.store.list()).toEqual(['a@5']);
    expect(rewinds(log)).toBe(1);
    server.send(added('a', '41'));
    await clock.advance(0);
    expect(reflector.store.list()).toEqual(['a@41']);
  });
});

test('an own write is seen before the watch tells of it, which then changes nothing', async () => {
  const { server, run, clock, reflector, changes } = start();
  server.items = [pod('a', '5')];
  void run();
  await clock.advance(0);
  expect(reflector.upsert(pod('a', '12', '!'))).toBe(true);
  expect(reflector.store.get('shop/a')).toBe('a@12!');
  changes.length = 0;
  server.send(added('a', '11'));
  server.send(added('a', '12', '!'));
  await clock.advance(0);
  expect(changes).toEqual([]);
});

test('handlers and projections that throw do not stop the stream', async () => {
  const { server, run, clock, reflector, log } = start({
    project: (raw: KubeObject) => {
      if (raw.metadata.name === 'bad') throw new Error('cannot read this');
      return raw.metadata.name;
    },
  });
  reflector.onChange(() => {
    throw new Error('handler');
  });
  server.items = [pod('bad', '1'), pod('a', '2')];
  void run();
  await clock.advance(0);
  server.send(added('bad', '11'));
  server.send(added('b', '12'));
  await clock.advance(0);
  expect(reflector.store.list()).toEqual(['a', 'b']);
  expect(log.lines.filter(({ level }) => level === 'error')).toHaveLength(4);
});

test('staleness counts from the last event, bookmark or list', async () => {
  const { server, run, clock, reflector } = start();
  void run();
  await clock.advance(40_000);
  expect(reflector.secondsSinceContact()).toBe(40);
  server.send(bookmark('11'));
  await clock.advance(0);
  expect(reflector.secondsSinceContact()).toBe(0);
  server.send(error('Unreachable'));
  await clock.advance(10_000);
  expect(reflector.secondsSinceContact()).toBe(10);
});

test.each([
  ['while it watches', () => undefined],
  ['while it pauses', (server: ReturnType<typeof fakeServer>) => server.send(error('Unreachable'))],
])('a stop %s ends it at once', async (_, before) => {
  const { server, run, clock, stop } = start();
  const running = run();
  await clock.advance(0);
  before(server);
  await clock.advance(0);
  stop.abort();
  await running;
  expect(clock.timers).toBe(0);
});
