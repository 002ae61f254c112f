import { expect, test } from 'vitest';
import { PODS, type Pod } from '../../../src/kube/types.ts';
import { Reflector } from '../../../src/runtime/reflector.ts';
import { type FakeApi, fakeApi, type Handler, json, refusal, stream } from '../kube/fake-api.ts';
import { FakeClock } from './fake-clock.ts';
import { fakeLog } from './fake-log.ts';

const pod = (name: string, resourceVersion: string) => ({ metadata: { namespace: 'shop', name, resourceVersion } });
const line = (type: string, object: unknown) => `${JSON.stringify({ type, object })}\n`;
const list = (version: string, ...items: object[]) => json(200, { metadata: { resourceVersion: version }, items });
const gone = line('ERROR', { kind: 'Status', code: 410, reason: 'Expired' });

test('a stream that is cut within a line, reset, or Gone costs no change', async () => {
  const after = list('40', pod('b', '12'), pod('c', '30'), pod('d', '35'));
  const lists = [list('10', pod('a', '5')), after, after];
  const euro = Buffer.from(line('ADDED', pod('c€', '30')));
  const watches: Handler[] = [
    stream([line('ADDED', pod('b', '12')), line('DELETED', pod('a', '13')), '{"type":"ADDED","object":{"meta']),
    stream([euro.subarray(0, euro.length - 25)], 'reset'),
    stream([gone], 'open'),
    stream([line('BOOKMARK', pod('', '60'))], 'open'),
  ];
  await using api = await fakeApi((request, response) => {
    const next = request.query.has('watch') ? watches.shift() : lists.shift();
    next?.(request, response);
  });
  const clock = new FakeClock();
  const stop = new AbortController();
  const reflector = new Reflector<Pod, string>({
    client: api.client(),
    type: PODS,
    selection: { namespace: 'shop' },
    project: ({ metadata }) => metadata.name,
    clock,
    log: fakeLog(),
  });
  const running = reflector.run(stop.signal);
  await expect
    .poll(
      async () => {
        await clock.advance(1_000);
        return api.received.length;
      },
      { timeout: 10_000, interval: 20 },
    )
    .toBe(7);
  await expect.poll(() => reflector.store.list()).toEqual(['b', 'c', 'd']);
  const asked = api.received.map(({ query }) =>
    query.has('watch') ? `watch ${query.get('resourceVersion')}` : 'list',
  );
  expect(asked).toEqual(['list', 'watch 10', 'list', 'watch 40', 'watch 40', 'list', 'watch 40']);
  stop.abort();
  await running;
});

function start(api: FakeApi) {
  const clock = new FakeClock();
  const stop = new AbortController();
  const options = { client: api.client(), type: PODS, selection: { namespace: 'shop' }, clock, log: fakeLog() };
  const reflector = new Reflector<Pod, string>({ ...options, project: ({ metadata }) => metadata.name });
  const running = reflector.run(stop.signal);
  const end = async () => {
    stop.abort();
    await running;
  };
  return { clock, reflector, end };
}

test('a server that asks for a day of silence is asked again after half a minute', async () => {
  const watches: Handler[] = [
    refusal(429, 'TooManyRequests', 'slow down', { 'retry-after': '86400' }),
    stream([line('ADDED', pod('b', '12'))], 'open'),
  ];
  await using api = await fakeApi((request, response) => {
    const next = request.query.has('watch') ? watches.shift() : list('10');
    next?.(request, response);
  });
  const { clock, reflector, end } = start(api);
  await expect.poll(() => api.received.length).toBe(2);
  // the answer has to arrive before the time passes
  await expect
    .poll(async () => {
      await clock.advance(1_000);
      return reflector.store.list();
    })
    .toEqual(['b']);
  expect(clock.monotonic()).toBeLessThan(60_000);
  await end();
});

test('a bookmark without a version is not where the next watch starts', async () => {
  const watches: Handler[] = [
    stream([line('ADDED', pod('b', '12')), line('BOOKMARK', pod('', '')), gone.replace('410', '500')], 'open'),
    stream([], 'open'),
  ];
  await using api = await fakeApi((request, response) => {
    const next = request.query.has('watch') ? watches.shift() : list('10');
    next?.(request, response);
  });
  const { clock, end } = start(api);
  await expect
    .poll(async () => {
      await clock.advance(1_000);
      return api.received.length;
    })
    .toBe(3);
  expect(api.received[2]?.query.get('resourceVersion')).toBe('12');
  await end();
});
