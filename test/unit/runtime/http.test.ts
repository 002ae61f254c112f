import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { afterEach, describe, expect, test } from 'vitest';
import { systemClock } from '../../../src/runtime/clock.ts';
import { type HealthServerOptions, serveHealth } from '../../../src/runtime/http.ts';
import { FakeClock } from './fake-clock.ts';
import { fakeLog } from './fake-log.ts';

const closers: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

async function serve(options: Partial<HealthServerOptions> = {}) {
  const log = fakeLog();
  const server = await serveHealth({
    port: 0,
    host: '127.0.0.1',
    healthz: { loop: () => undefined },
    readyz: { synced: () => undefined, lease: async () => undefined },
    metrics: { contentType: 'text/plain; version=0.0.4', metrics: async () => 'up 1\n' },
    clock: systemClock,
    log,
    ...options,
  });
  closers.push(server.close);
  const get = async (path: string, init?: RequestInit) => {
    const response = await fetch(`http://127.0.0.1:${server.port}${path}`, init);
    return { status: response.status, headers: response.headers, text: await response.text() };
  };
  return { server, log, get };
}

async function raw(port: number, send: string, keep = false): Promise<string> {
  const socket: Socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  socket.write(send);
  if (!keep) socket.end();
  return text(socket).catch(() => 'broken');
}

describe('a probe', () => {
  test('answers ok', async () => {
    const { get } = await serve();
    expect(await get('/healthz')).toMatchObject({ status: 200, text: 'ok' });
    expect(await get('/readyz')).toMatchObject({ status: 200, text: 'ok' });
  });

  test('lists its checks when asked', async () => {
    const { get } = await serve();
    expect((await get('/readyz?verbose')).text).toBe('[+]synced ok\n[+]lease ok\nreadyz check passed\n');
  });

  test.each([
    ['says why not', () => 'caches of shop are not filled'],
    ['throws', () => Promise.reject(new Error('caches of shop are not filled'))],
  ])('fails when a check %s; the reason goes to the log and not to the asker', async (_, check) => {
    const { get, log } = await serve({ readyz: { synced: check, lease: () => undefined } });
    const { status, text: body } = await get('/readyz');
    expect(status).toBe(500);
    expect(body).toBe('[-]synced failed: reason withheld\n[+]lease ok\nreadyz check failed\n');
    expect(JSON.stringify(log.lines)).toContain('caches of shop are not filled');
  });

  test('that fails is logged when it begins to, when it fails otherwise, and once a minute, however often it is asked', async () => {
    const clock = new FakeClock();
    let failing: readonly string[] = ['a'];
    const check = (name: string) => () => (failing.includes(name) ? 'no' : undefined);
    const { get, log } = await serve({ clock, readyz: { a: check('a'), b: check('b') } });
    const ask = async () => {
      for (let i = 0; i < 5; i += 1) await get('/readyz');
      return log.lines
        .splice(0)
        .map(({ message, fields }) => [message, ...Object.keys((fields.checks ?? {}) as object)]);
    };
    expect(await ask()).toEqual([['readyz failed', 'a']]);
    failing = ['a', 'b'];
    expect(await ask()).toEqual([['readyz failed', 'a', 'b']]);
    await clock.advance(60_000);
    expect(await ask()).toEqual([['readyz failed', 'a', 'b']]);
    failing = [];
    expect(await ask()).toEqual([['readyz passes again']]);
  });

  test('fails when a check does not answer', async () => {
    const { get } = await serve({ healthz: { loop: () => new Promise(() => undefined) } });
    expect((await get('/healthz')).status).toBe(500);
  });
});

test('metrics are those of the registry', async () => {
  const { get } = await serve();
  const { status, headers, text: body } = await get('/metrics');
  expect([status, headers.get('content-type'), body]).toEqual([200, 'text/plain; version=0.0.4', 'up 1\n']);
});

test('a registry that fails is a 500 without details', async () => {
  const { get } = await serve({
    metrics: { contentType: 'text/plain', metrics: () => Promise.reject(new Error('inner')) },
  });
  expect(await get('/metrics')).toMatchObject({ status: 500, text: 'internal error\n' });
});

test('HEAD is answered without a body', async () => {
  const { get } = await serve();
  expect(await get('/healthz', { method: 'HEAD' })).toMatchObject({ status: 200, text: '' });
});

test.each(['/', '/healthz/', '/HEALTHZ', '/../healthz', '//healthz', '/%2e%2e/metrics', '/debug/pprof', '*'])(
  '%s is not found',
  async (path) => {
    const { server } = await serve();
    expect(await raw(server.port, `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`)).toContain('404');
  },
);

test.each(['POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS'])('%s is not allowed', async (method) => {
  const { get } = await serve();
  expect((await get('/metrics', { method })).status).toBe(405);
});

describe('a client that', () => {
  test('sends large headers is refused', async () => {
    const { server } = await serve();
    expect(await raw(server.port, `GET /healthz HTTP/1.1\r\nhost: x\r\na: ${'x'.repeat(20_000)}\r\n\r\n`)).toContain(
      '431',
    );
  });

  test('sends no HTTP is refused, and others are still served', async () => {
    const { server, get } = await serve();
    expect(await raw(server.port, '\u0016\u0003\u0001 nonsense\r\n\r\n')).toContain('400');
    expect((await get('/healthz')).status).toBe(200);
  });

  test('sends its headers slowly loses the connection', async () => {
    const { server } = await serve();
    expect(await raw(server.port, 'GET /healthz HTTP/1.1\r\nhost: x\r\n', true)).toContain('408');
  });

  test('opens connections without end does not keep others out for good', async () => {
    const { server, get } = await serve();
    const sockets = Array.from({ length: 200 }, () => connect(server.port, '127.0.0.1').on('error', () => undefined));
    await expect.poll(() => sockets.filter(({ readyState }) => readyState === 'closed').length).toBeGreaterThan(50);
    for (const socket of sockets) socket.destroy();
    await expect.poll(async () => (await get('/healthz').catch(() => ({ status: 0 }))).status).toBe(200);
  });
});

test('close lets an answer under way end, and breaks a connection that lingers', async () => {
  const report = Promise.withResolvers<string>();
  let asked = false;
  const metrics = {
    contentType: 'text/plain',
    metrics: () => {
      asked = true;
      return report.promise;
    },
  };
  const { server, get } = await serve({ metrics });
  const lingering = connect(server.port, '127.0.0.1').on('error', () => undefined);
  const answer = get('/metrics');
  await new Promise((resolve) => lingering.once('connect', resolve));
  await expect.poll(() => asked).toBe(true);
  const closing = server.close();
  report.resolve('late 1\n');
  expect((await answer).text).toBe('late 1\n');
  await closing;
  await expect(get('/healthz')).rejects.toThrow();
});

test('close breaks an answer that does not come', async () => {
  let asked = false;
  const metrics = {
    contentType: 'text/plain',
    metrics: () => {
      asked = true;
      return new Promise<string>(() => undefined);
    },
  };
  const { server, get } = await serve({ metrics });
  const answer = get('/metrics').catch(() => 'broken');
  await expect.poll(() => asked).toBe(true);
  await server.close();
  expect(await answer).toBe('broken');
});

test('a port that is taken is an error', async () => {
  const { server } = await serve();
  await expect(serve({ port: server.port })).rejects.toMatchObject({ code: 'EADDRINUSE' });
});
