import { describe, expect, test } from 'vitest';
import { Gate } from '../../../src/kube/gate.ts';
import { PODS } from '../../../src/kube/types.ts';
import { FakeClock, turn } from '../runtime/fake-clock.ts';
import { collect, failure, fakeApi, hang, json, refusal, stream } from './fake-api.ts';

const pod = (name: string, resourceVersion = '5') => ({ metadata: { namespace: 'shop', name, resourceVersion } });
const page = (names: readonly string[], next = '') =>
  json(200, {
    kind: 'PodList',
    metadata: { resourceVersion: '9', continue: next },
    items: names.map((name) => pod(name)),
  });
const line = (type: string, object: unknown) => `${JSON.stringify({ type, object })}\n`;
const gone = line('ERROR', { kind: 'Status', code: 410, reason: 'Expired', message: 'too old resource version' });
const from = { namespace: 'shop', resourceVersion: '9', timeoutSeconds: 300 };

describe('list', () => {
  test('follows the pages to the end', async () => {
    await using api = await fakeApi(page(['a', 'b'], 'token-1'), page(['c'], 'token-2'), page(['d']));
    const { items, resourceVersion } = await api.client().list(PODS, { namespace: 'shop', labelSelector: 'app=main' });
    expect(items.map(({ metadata }) => metadata.name)).toEqual(['a', 'b', 'c', 'd']);
    expect(resourceVersion).toBe('9');
    expect(api.received.map(({ query }) => Object.fromEntries(query))).toEqual([
      { labelSelector: 'app=main', limit: '500' },
      { labelSelector: 'app=main', limit: '500', continue: 'token-1' },
      { labelSelector: 'app=main', limit: '500', continue: 'token-2' },
    ]);
  });

  test('starts again when it grew too old between two pages', async () => {
    await using api = await fakeApi(
      page(['a'], 'token'),
      refusal(410, 'Expired', ''),
      page(['b'], 'token'),
      page(['c']),
    );
    const { items } = await api.client().list(PODS);
    expect(items.map(({ metadata }) => metadata.name)).toEqual(['b', 'c']);
  });

  test('starts again only once', async () => {
    await using api = await fakeApi(
      page(['a'], 'token'),
      refusal(410, 'Expired', ''),
      page(['b'], 'token'),
      refusal(410, 'Expired', ''),
    );
    expect(await failure(api.client().list(PODS))).toMatchObject({ code: 'Gone' });
  });

  test('of nothing is empty, also where the server says null', async () => {
    await using api = await fakeApi(json(200, { metadata: { resourceVersion: '9' }, items: null }));
    expect(await api.client().list(PODS)).toEqual({ items: [], resourceVersion: '9' });
  });

  test('that is no list is a ServerError', async () => {
    await using api = await fakeApi(json(200, { kind: 'Pod' }));
    expect(await failure(api.client().list(PODS))).toMatchObject({ code: 'ServerError' });
  });
});

describe('watch', () => {
  test('asks for bookmarks and yields what comes', async () => {
    await using api = await fakeApi(
      stream([line('ADDED', pod('a')) + line('BOOKMARK', pod('', '12')), line('DELETED', pod('a'))]),
    );
    const events = await collect(api.client().watch(PODS, from));
    expect(events.map(({ type, object }) => [type, object.metadata.name])).toEqual([
      ['ADDED', 'a'],
      ['BOOKMARK', ''],
      ['DELETED', 'a'],
    ]);
    expect(api.received[0]?.path).toBe('/api/v1/namespaces/shop/pods');
    expect(Object.fromEntries(api.received[0]?.query ?? [])).toEqual({
      watch: 'true',
      allowWatchBookmarks: 'true',
      resourceVersion: '9',
      timeoutSeconds: '300',
    });
  });

  test('holds no connection that a call needs, however many there are', async () => {
    await using api = await fakeApi(({ query, path }, response) => {
      if (query.has('watch')) response.writeHead(200).flushHeaders();
      else if (path.endsWith('/pods')) response.end(JSON.stringify({ metadata: { resourceVersion: '9' }, items: [] }));
    });
    const client = api.client({ connections: 2 });
    const stop = new AbortController();
    const watch = () => collect(client.watch(PODS, { ...from, signal: stop.signal }));
    const watches = Promise.allSettled(Array.from({ length: 100 }, watch));
    await expect.poll(() => api.received.length).toBe(100);
    for (let i = 0; i < 5; i += 1) expect((await client.list(PODS)).items).toEqual([]);
    stop.abort();
    await watches;
  });

  test('passes its gate until it is open, and the wait there is no silence', async () => {
    const clock = new FakeClock();
    const opened: (() => void)[] = [];
    await using api = await fakeApi((_, response) => {
      opened.push(() => response.writeHead(200).flushHeaders());
    });
    const gate = new Gate(2);
    const client = api.client({ clock });
    const stop = new AbortController();
    const watch = () => collect(client.watch(PODS, { ...from, gate, signal: stop.signal }));
    const watches = Promise.allSettled(Array.from({ length: 5 }, watch));
    await expect.poll(() => api.received.length).toBe(2);
    // the two places are taken for longer than an opening may last: those two fail, and the next ones have their own time
    await clock.advance(9_000);
    opened.shift()?.();
    await expect.poll(() => api.received.length).toBe(3);
    await clock.advance(2_000);
    await expect.poll(() => api.received.length).toBe(4);
    for (const open of opened) open();
    await expect.poll(() => api.received.length).toBe(5);
    stop.abort();
    const ends = await watches;
    expect(ends.map(({ status }) => status).sort()).toEqual([
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'rejected',
    ]);
  });

  test('puts characters together that were cut between two chunks', async () => {
    const bytes = Buffer.from(line('ADDED', pod('zürich-☃-𝄞')));
    await using api = await fakeApi(stream([...bytes].map((byte) => Buffer.of(byte))));
    const [event] = await collect(api.client().watch(PODS, from));
    expect(event?.object.metadata.name).toBe('zürich-☃-𝄞');
  });

  test('takes an object of 1.5 MB', async () => {
    const big = { metadata: { name: 'a', annotations: { note: 'x'.repeat(1_500_000) } } };
    await using api = await fakeApi(stream([line('ADDED', big)]));
    expect(await collect(api.client().watch(PODS, from))).toHaveLength(1);
  });

  test('gives up a line without end', async () => {
    await using api = await fakeApi(stream(Array.from({ length: 20 }, () => 'x'.repeat(1024 * 1024))));
    expect(await failure(collect(api.client().watch(PODS, from)))).toMatchObject({ code: 'Unreachable' });
  });

  test.each(['end', 'reset'] as const)(
    'is Unreachable when the stream breaks within a line (%s), after the whole lines',
    async (end) => {
      await using api = await fakeApi(stream([line('ADDED', pod('a')), '{"type":"MODIFIED","obj'], end));
      const seen: string[] = [];
      const watching = (async () => {
        for await (const { type } of api.client().watch(PODS, from)) seen.push(type);
      })();
      expect(await failure(watching)).toMatchObject({ code: 'Unreachable' });
      expect(seen).toEqual(['ADDED']);
    },
  );

  test('is Gone for an ERROR event of 410', async () => {
    await using api = await fakeApi(stream([gone], 'open'));
    expect(await failure(collect(api.client().watch(PODS, from)))).toMatchObject({ code: 'Gone', status: 410 });
  });

  test('is Gone for an answer of 410', async () => {
    await using api = await fakeApi(refusal(410, 'Expired', 'too old'));
    expect(await failure(collect(api.client().watch(PODS, from)))).toMatchObject({ code: 'Gone' });
  });

  test('throws any other ERROR event too', async () => {
    await using api = await fakeApi(stream([line('ERROR', { code: 500, message: 'etcd' })], 'open'));
    expect(await failure(collect(api.client().watch(PODS, from)))).toMatchObject({ code: 'ServerError', status: 500 });
  });

  test.each(['not json s3cr3t', '[]', '{"type":"ADDED"}', '{"type":"X","object":{}}'])(
    'does not quote the line %s',
    async (text) => {
      await using api = await fakeApi(stream([`${text}\n`], 'open'));
      const error = await failure(collect(api.client().watch(PODS, from)));
      expect(error).toMatchObject({ code: 'ServerError' });
      expect(error.message).not.toContain('s3cr3t');
    },
  );

  test('is a Timeout after the longest silence, and not before', async () => {
    const clock = new FakeClock();
    let write = (_: string) => {};
    await using api = await fakeApi((_, response) => {
      response.writeHead(200).flushHeaders();
      write = (text) => response.write(text);
    });
    const seen: string[] = [];
    const watching = failure(
      (async () => {
        for await (const { type } of api.client({ clock }).watch(PODS, { ...from, idleTimeoutMs: 90_000 }))
          seen.push(type);
      })(),
    );
    await expect.poll(() => api.received.length).toBe(1);
    await clock.advance(80_000);
    write(line('BOOKMARK', pod('', '10')));
    await expect.poll(() => seen.length).toBe(1);
    await clock.advance(89_000);
    write(line('BOOKMARK', pod('', '11')));
    await expect.poll(() => seen.length).toBe(2);
    await clock.advance(90_001);
    expect(await watching).toMatchObject({ code: 'Timeout', verb: 'watch' });
  });

  test('that gives nothing but empty lines is a Timeout after the longest silence', async () => {
    const clock = new FakeClock();
    let write = (_: string) => {};
    await using api = await fakeApi((_, response) => {
      response.writeHead(200).flushHeaders();
      write = (text) => response.write(text);
    });
    const client = api.client({ clock });
    let code = '';
    const watching = failure(collect(client.watch(PODS, from))).then((error) => (code = String(error.code)));
    await expect.poll(() => api.received.length).toBe(1);
    await expect
      .poll(
        async () => {
          write('\n \n');
          await clock.advance(10_000);
          return code;
        },
        { interval: 20 },
      )
      .toBe('Timeout');
    await watching;
  });

  test('ends half a minute after the server should have ended it, however much comes', async () => {
    const clock = new FakeClock();
    let write = (_: string) => {};
    await using api = await fakeApi((_, response) => {
      response.writeHead(200).flushHeaders();
      write = (text) => response.write(text);
    });
    const versions: string[] = [];
    const watching = failure(
      (async () => {
        for await (const { object } of api.client({ clock }).watch(PODS, from))
          versions.push(object.metadata.resourceVersion ?? '');
      })(),
    );
    await expect.poll(() => api.received.length).toBe(1);
    for (let minute = 1; minute <= 5; minute += 1) {
      await clock.advance(60_000);
      write(line('BOOKMARK', pod('', String(minute))));
      await expect.poll(() => versions.length).toBe(minute);
    }
    await clock.advance(29_000);
    write(line('BOOKMARK', pod('', '6')));
    await expect.poll(() => versions.length).toBe(6);
    await clock.advance(1_001);
    const error = await watching;
    expect(error).toMatchObject({ code: 'Timeout', verb: 'watch' });
    expect(error.message).toContain('the stream was to end after 300 s, and did not');
    expect(clock.timers).toBe(0);
  });

  test('that is never answered is a Timeout too', async () => {
    const clock = new FakeClock();
    await using api = await fakeApi(hang);
    const watching = failure(collect(api.client({ clock }).watch(PODS, from)));
    await expect.poll(() => api.received.length).toBe(1);
    await clock.advance(90_001);
    expect(await watching).toMatchObject({ code: 'Timeout' });
  });

  test('ends without an error when the caller aborts, and leaves no timer', async () => {
    const clock = new FakeClock();
    const stop = new AbortController();
    await using api = await fakeApi(stream([line('ADDED', pod('a'))], 'open'));
    const seen: string[] = [];
    for await (const { type } of api.client({ clock }).watch(PODS, { ...from, signal: stop.signal })) {
      seen.push(type);
      setImmediate(() => stop.abort());
    }
    expect(seen).toEqual(['ADDED']);
    expect(clock.timers).toBe(0);
  });

  test('closes its connection when the caller stops reading', async () => {
    const clock = new FakeClock();
    let closed = false;
    await using api = await fakeApi((request, response) => {
      response.on('close', () => {
        closed = true;
      });
      stream([line('ADDED', pod('a'))], 'open')(request, response);
    });
    for await (const _ of api.client({ clock }).watch(PODS, from)) break;
    await expect.poll(() => closed).toBe(true);
    await turn();
    expect(clock.timers).toBe(0);
  });
});
