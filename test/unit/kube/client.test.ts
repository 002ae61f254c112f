import { describe, expect, test } from 'vitest';
import { DEPLOYMENTS, metadataOf, PODS, ROLLOUTS, SECRETS } from '../../../src/kube/types.ts';
import { FakeClock } from '../runtime/fake-clock.ts';
import { failure, fakeApi, hang, json, refusal, reset, secret } from './fake-api.ts';

const key = { namespace: 'shop', name: 'jwt' };

describe('whether a type is served', () => {
  const list = { kind: 'APIResourceList', resources: [{ name: 'rollouts' }, { name: 'rollouts/status' }] };

  test('is told by the list of its group and version', async () => {
    await using api = await fakeApi(json(200, list), json(200, { ...list, resources: [{ name: 'experiments' }] }));
    const client = api.client();
    expect(await client.serves(ROLLOUTS)).toBe(true);
    expect(await client.serves(ROLLOUTS)).toBe(false);
    expect(api.received[0]).toMatchObject({ method: 'GET', path: '/apis/argoproj.io/v1alpha1' });
  });

  test('is no without such a group, and unknown without an answer', async () => {
    await using api = await fakeApi((_, response) => response.writeHead(404).end('404 page not found'), json(403, {}));
    const client = api.client();
    expect(await client.serves(ROLLOUTS)).toBe(false);
    expect(await failure(client.serves(ROLLOUTS))).toMatchObject({
      code: 'Forbidden',
      resource: 'argoproj.io/v1alpha1',
    });
  });
});

describe('a read', () => {
  test('asks for JSON of the object with our credentials and returns it as it is on the wire', async () => {
    await using api = await fakeApi(json(200, secret('jwt')));
    const object = await api.client().get(SECRETS, key);
    expect(object).toEqual(secret('jwt'));
    const [request] = api.received;
    expect(request).toMatchObject({ method: 'GET', path: '/api/v1/namespaces/shop/secrets/jwt' });
    expect(request?.headers).toMatchObject({
      authorization: 'Bearer s3cret',
      accept: 'application/json',
      'user-agent': 'rekey',
    });
  });

  test('of metadata alone says so, and accepts nothing else', async () => {
    const partial = { apiVersion: 'meta.k8s.io/v1', kind: 'PartialObjectMetadata', metadata: secret('jwt').metadata };
    await using api = await fakeApi(json(200, partial), json(200, secret('jwt')));
    const client = api.client();
    expect((await client.get(metadataOf(SECRETS), key)).metadata.name).toBe('jwt');
    expect(api.received[0]?.headers.accept).toBe('application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1');
    expect(await failure(client.get(metadataOf(SECRETS), key))).toMatchObject({ code: 'ServerError' });
  });

  test('leaves no timer behind, also after a pause', async () => {
    const clock = new FakeClock();
    await using api = await fakeApi(refusal(503, '', ''), json(200, secret('jwt')));
    const reading = api.client({ clock }).get(SECRETS, key);
    await expect.poll(() => clock.timers).toBe(2);
    await clock.advance(500);
    await reading;
    expect(clock.timers).toBe(0);
  });

  test('shares connections with the others, instead of opening one for each', async () => {
    await using api = await fakeApi(json(200, secret('jwt')));
    const client = api.client();
    for (let i = 0; i < 50; i += 1) await client.get(SECRETS, key);
    expect(api.connections()).toBeLessThan(4);
  });

  test('is tried again after 429, no sooner than Retry-After says', async () => {
    await using api = await fakeApi(
      refusal(429, 'TooManyRequests', 'slow down', { 'retry-after': '1' }),
      json(200, secret('jwt')),
    );
    const start = performance.now();
    await api.client().get(SECRETS, key);
    expect(performance.now() - start).toBeGreaterThanOrEqual(990);
    expect(api.received).toHaveLength(2);
  });

  test('is not tried again when Retry-After reaches beyond the time limit', async () => {
    await using api = await fakeApi(refusal(429, 'TooManyRequests', 'slow down', { 'retry-after': '20' }));
    const error = await failure(api.client().get(SECRETS, key));
    expect(error).toMatchObject({ code: 'TooManyRequests', retryAfterMs: 20_000 });
    expect(api.received).toHaveLength(1);
  });

  const day = { kind: 'Status', code: 429, reason: 'TooManyRequests', details: { retryAfterSeconds: 86_400 } };
  test.each([
    ['the header', refusal(429, 'TooManyRequests', 'slow down', { 'retry-after': '86400' })],
    ['the body', json(429, day)],
  ])('is never told to wait for longer than half a minute, whatever %s says', async (_, answer) => {
    await using api = await fakeApi(answer);
    expect(await failure(api.client().get(SECRETS, key))).toMatchObject({ retryAfterMs: 30_000 });
  });

  test('is tried again after 503 and after a broken connection', async () => {
    await using api = await fakeApi(refusal(503, 'ServiceUnavailable', ''), reset, json(200, secret('jwt')));
    await api.client({ random: () => 0 }).get(SECRETS, key);
    expect(api.received).toHaveLength(3);
  });

  test('gives up after four tries', async () => {
    await using api = await fakeApi(refusal(500, 'InternalError', 'etcd'));
    const error = await failure(api.client({ random: () => 0 }).get(DEPLOYMENTS, key));
    expect(error).toMatchObject({
      code: 'ServerError',
      status: 500,
      message: 'get deployments/jwt in ns shop: ServerError (500): etcd',
    });
    expect(api.received).toHaveLength(4);
  });

  test('that hangs becomes a Timeout', async () => {
    await using api = await fakeApi(hang);
    const error = await failure(api.client({ timeoutMs: 50 }).get(PODS, key));
    expect(error).toMatchObject({
      code: 'Timeout',
      message: 'get pods/jwt in ns shop: Timeout: no answer within 0.05 s',
    });
  });

  test('that hangs in the middle of the body becomes a Timeout', async () => {
    await using api = await fakeApi((_, response) => response.writeHead(200).write('{"kind":'));
    expect(await failure(api.client({ timeoutMs: 50 }).get(PODS, key))).toMatchObject({ code: 'Timeout' });
  });

  test('throws the reason of the signal when the caller gives up', async () => {
    await using api = await fakeApi(hang);
    const stop = new AbortController();
    const reason = new Error('enough');
    setImmediate(() => stop.abort(reason));
    expect(await failure(api.client().get(PODS, key, { signal: stop.signal }))).toBe(reason);
  });

  test('is not sent when the caller has given up before', async () => {
    await using api = await fakeApi(json(200, secret('jwt')));
    const reason = new Error('enough');
    expect(await failure(api.client().get(SECRETS, key, { signal: AbortSignal.abort(reason) }))).toBe(reason);
    expect(api.received).toHaveLength(0);
  });

  test('is sent again once with fresh credentials after 401', async () => {
    await using api = await fakeApi(refusal(401, 'Unauthorized', 'Unauthorized'), json(200, secret('jwt')));
    let token = 'old';
    const access = {
      ...api.access,
      credentials: async () => ({ headers: { Authorization: `Bearer ${token}` }, tls: {} }),
      refresh: () => {
        token = 'new';
      },
    };
    await api.client({ access }).get(SECRETS, key);
    expect(api.received.map(({ headers }) => headers.authorization)).toEqual(['Bearer old', 'Bearer new']);
  });

  test('is Unauthorized when fresh credentials do not help', async () => {
    await using api = await fakeApi(refusal(401, 'Unauthorized', 'Unauthorized'));
    expect(await failure(api.client().get(SECRETS, key))).toMatchObject({ code: 'Unauthorized' });
    expect(api.received).toHaveLength(2);
  });

  test('is Unreachable when nobody listens', async () => {
    const api = await fakeApi(hang);
    await api[Symbol.asyncDispose]();
    const error = await failure(api.client({ random: () => 0 }).get(SECRETS, key));
    expect(error).toMatchObject({ code: 'Unreachable', maybeApplied: false });
    expect(error.message).toBe('get secrets/jwt in ns shop: Unreachable: ECONNREFUSED');
  });
});

describe('an answer that cannot be right', () => {
  test('a redirect is not followed', async () => {
    await using other = await fakeApi(json(200, secret('jwt')));
    await using api = await fakeApi((_, response) =>
      response.writeHead(307, { location: other.access.server.href }).end(),
    );
    const error = await failure(api.client().get(SECRETS, key));
    expect(error).toMatchObject({ code: 'ServerError', status: 307 });
    expect(error.message).toContain('redirect');
    expect(other.received).toHaveLength(0);
  });

  test('a body without end is given up at the limit', async () => {
    await using api = await fakeApi((_, response) => {
      response.writeHead(200);
      const more = () => {
        while (!response.destroyed && response.write(Buffer.alloc(1024 * 1024, 0x20)));
        response.once('drain', more);
      };
      more();
    });
    const error = await failure(api.client().get(SECRETS, key));
    expect(error).toMatchObject({ code: 'ServerError' });
    expect(error.message).toContain('longer than');
  });

  test.each([
    ['an object of another kind', json(200, { kind: 'Pod', metadata: { name: 'jwt' } })],
    ['no object', json(200, [1])],
    ['no JSON', (_: unknown, response: { end(text: string): unknown }) => response.end('s3cr3t-value <html>')],
  ])('%s is a ServerError that does not quote it', async (_, handler) => {
    await using api = await fakeApi(handler as Parameters<typeof fakeApi>[0]);
    const error = await failure(api.client().get(SECRETS, key));
    expect(error).toMatchObject({ code: 'ServerError' });
    expect(error.message).not.toContain('s3cr3t');
  });
});

describe('a name that would change the path', () => {
  test.each(['..', '.', 'a/b', '../b', 'a%2fb', 'a?x', 'a#x', '', 'ü', 'a\nb'])(
    '%j is refused before anything is sent',
    async (name) => {
      await using api = await fakeApi(json(200, secret('jwt')));
      const client = api.client();
      expect(await failure(client.get(SECRETS, { namespace: 'shop', name }))).toMatchObject({ code: 'BadRequest' });
      expect(await failure(client.get(SECRETS, { namespace: name, name: 'jwt' }))).toMatchObject({
        code: 'BadRequest',
      });
      expect(await failure(client.list(SECRETS, { namespace: name }))).toMatchObject({ code: 'BadRequest' });
      expect(api.received).toHaveLength(0);
    },
  );

  test('a missing namespace is refused: the call would mean another one', async () => {
    await using api = await fakeApi(json(200, secret('jwt')));
    expect(await failure(api.client().get(SECRETS, { name: 'jwt' }))).toMatchObject({ code: 'BadRequest' });
    expect(api.received).toHaveLength(0);
  });
});

test('each try is told to the metrics hook, with the clock of the server', async () => {
  const date = 'Wed, 25 Nov 2026 10:00:00 GMT';
  await using api = await fakeApi(refusal(503, '', ''), json(200, secret('jwt'), { date }));
  const seen: unknown[] = [];
  await api.client({ random: () => 0, onRequest: (observation) => seen.push(observation) }).get(SECRETS, key);
  const common = { verb: 'get', method: 'GET', resource: 'secrets', host: api.access.server.host };
  expect(seen).toEqual([
    expect.objectContaining({ ...common, code: '503' }),
    expect.objectContaining({ ...common, code: '200', serverDateMs: Date.parse(date), seconds: expect.any(Number) }),
  ]);
});
