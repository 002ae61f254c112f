import { describe, expect, test } from 'vitest';
import type { KubeClient } from '../../../src/kube/client.ts';
import { DEPLOYMENTS, PODS, SECRETS, type Secret } from '../../../src/kube/types.ts';
import { failure, fakeApi, hang, json, refusal, reset, secret } from './fake-api.ts';

const key = { namespace: 'shop', name: 'jwt' };
const deployment = { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { namespace: 'shop', name: 'jwt' } };

describe('on the wire', () => {
  test('create posts the object with its type and the field manager', async () => {
    await using api = await fakeApi(json(201, secret('jwt')));
    await api.client().create(SECRETS, { metadata: key, data: { a: 'eA==' } }, { fieldManager: 'rekey' });
    expect(api.received[0]).toMatchObject({ method: 'POST', path: '/api/v1/namespaces/shop/secrets' });
    expect(api.received[0]?.query.toString()).toBe('fieldManager=rekey');
    expect(JSON.parse(api.received[0]?.body ?? '')).toEqual({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: key,
      data: { a: 'eA==' },
    });
  });

  test('replace puts the object, on condition of its resourceVersion', async () => {
    await using api = await fakeApi(json(200, secret('jwt')));
    await api.client().replace(SECRETS, secret('jwt', '6'));
    expect(api.received[0]).toMatchObject({ method: 'PUT', path: '/api/v1/namespaces/shop/secrets/jwt' });
    expect(JSON.parse(api.received[0]?.body ?? '').metadata.resourceVersion).toBe('6');
  });

  test('replace without a resourceVersion is refused: it would overwrite anything', async () => {
    await using api = await fakeApi(json(200, secret('jwt')));
    expect(await failure(api.client().replace(SECRETS, { metadata: key }))).toMatchObject({ code: 'BadRequest' });
    expect(api.received).toHaveLength(0);
  });

  test('apply sends an apply patch with its own type and name', async () => {
    await using api = await fakeApi(json(200, deployment));
    const body = { metadata: { uid: 'u-1' }, spec: { template: { metadata: { annotations: { a: '1' } } } } };
    await api.client().apply(DEPLOYMENTS, key, body, { fieldManager: 'rekey', force: true });
    const [request] = api.received;
    expect(request).toMatchObject({ method: 'PATCH', path: '/apis/apps/v1/namespaces/shop/deployments/jwt' });
    expect(request?.headers['content-type']).toBe('application/apply-patch+yaml');
    expect(Object.fromEntries(request?.query ?? [])).toEqual({ fieldManager: 'rekey', force: 'true' });
    expect(JSON.parse(request?.body ?? '')).toEqual({ ...body, ...deployment, metadata: { uid: 'u-1', ...key } });
  });

  test('mergePatch of a status goes to the subresource', async () => {
    await using api = await fakeApi(json(200, deployment));
    await api.client().mergePatch(DEPLOYMENTS, key, { status: {} }, { subresource: 'status' });
    expect(api.received[0]).toMatchObject({
      method: 'PATCH',
      path: '/apis/apps/v1/namespaces/shop/deployments/jwt/status',
    });
    expect(api.received[0]?.headers['content-type']).toBe('application/merge-patch+json');
  });

  test('delete carries its preconditions', async () => {
    await using api = await fakeApi(json(200, { kind: 'Status', status: 'Success' }));
    await api.client().delete(PODS, key, { uid: 'u-1', gracePeriodSeconds: 0 });
    const expected = { apiVersion: 'v1', kind: 'DeleteOptions', gracePeriodSeconds: 0, preconditions: { uid: 'u-1' } };
    expect(api.received[0]?.method).toBe('DELETE');
    expect(JSON.parse(api.received[0]?.body ?? '')).toEqual(expected);
  });

  test('evict posts an Eviction', async () => {
    await using api = await fakeApi(json(201, { kind: 'Status', status: 'Success' }));
    await api.client().evict(key, { uid: 'u-1' });
    expect(api.received[0]).toMatchObject({ method: 'POST', path: '/api/v1/namespaces/shop/pods/jwt/eviction' });
    expect(JSON.parse(api.received[0]?.body ?? '')).toEqual({
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: key,
      deleteOptions: { preconditions: { uid: 'u-1' } },
    });
  });
});

type Write = readonly [string, (client: KubeClient) => Promise<unknown>];
const conditional: readonly Write[] = [
  ['create', (client) => client.create(SECRETS, { metadata: key })],
  ['replace', (client) => client.replace(SECRETS, secret('jwt') as Secret)],
  ['mergePatch', (client) => client.mergePatch(SECRETS, key, {})],
  [
    'apply with a resourceVersion',
    (client) => client.apply(SECRETS, key, { metadata: { resourceVersion: '1' } }, { fieldManager: 'x' }),
  ],
  ['delete', (client) => client.delete(SECRETS, key)],
];

describe.each(conditional)('%s that may have been applied', (_, write) => {
  test.each([
    ['reset', reset, 'Unreachable', 30_000],
    ['500', refusal(500, 'InternalError', ''), 'ServerError', 30_000],
    ['504', refusal(504, 'Timeout', ''), 'Timeout', 30_000],
    ['a hang', hang, 'Timeout', 300],
  ])('is not sent again after %s, and says so', async (_name, handler, code, writeTimeoutMs) => {
    await using api = await fakeApi(handler, json(200, secret('jwt')));
    expect(await failure(write(api.client({ writeTimeoutMs })))).toMatchObject({ code, maybeApplied: true });
    // a busy machine may give up before the server has read it; a second one would have been answered well
    await expect.poll(() => api.received).toHaveLength(1);
  });

  test('is sent again after 429, which applies nothing', async () => {
    await using api = await fakeApi(refusal(429, 'TooManyRequests', ''), json(200, secret('jwt')));
    await write(api.client({ random: () => 0 }));
    expect(api.received).toHaveLength(2);
  });

  test('is not applied when it conflicts', async () => {
    await using api = await fakeApi(refusal(409, 'Conflict', 'the object has been modified'));
    expect(await failure(write(api.client()))).toMatchObject({ code: 'Conflict', maybeApplied: false });
    expect(api.received).toHaveLength(1);
  });
});

test('apply is sent again after a reset, since applying twice is applying once', async () => {
  await using api = await fakeApi(reset, refusal(503, '', ''), json(200, deployment));
  await api.client({ random: () => 0 }).apply(DEPLOYMENTS, key, {}, { fieldManager: 'rekey' });
  expect(api.received).toHaveLength(3);
});

test('evict is not sent again when a PodDisruptionBudget refuses', async () => {
  await using api = await fakeApi(
    refusal(429, 'TooManyRequests', "Cannot evict pod as it would violate the pod's disruption budget."),
  );
  expect(await failure(api.client().evict(key))).toMatchObject({ code: 'TooManyRequests' });
  expect(api.received).toHaveLength(1);
});

describe('an error', () => {
  test('says who did what to which object, and what the server says', async () => {
    await using api = await fakeApi(refusal(403, 'Forbidden', 'User "rekey" cannot patch resource "deployments"'));
    const error = await failure(api.client().mergePatch(DEPLOYMENTS, key, { spec: {} }));
    expect(error.message).toBe(
      'patch deployments/jwt in ns shop: Forbidden (403): User "rekey" cannot patch resource "deployments"',
    );
    expect(error).toMatchObject({
      code: 'Forbidden',
      verb: 'patch',
      resource: 'deployments',
      namespace: 'shop',
      objectName: 'jwt',
    });
  });

  test('of a Secret has only the reason: the message of the server quotes values', async () => {
    const value = 'c2VjcmV0LXZhbHVl';
    await using api = await fakeApi(
      refusal(422, 'Invalid', `Secret "jwt" is invalid: data[JWT]: Invalid value: "${value}"`),
    );
    const error = await failure(api.client().create(SECRETS, { metadata: key, data: { JWT: value } }));
    expect(error.message).toBe('create secrets in ns shop: Invalid (422)');
    const everything = `${error.stack} ${JSON.stringify(error)} ${JSON.stringify(Object.values(error))} ${String(error.cause)}`;
    expect(everything).not.toContain(value);
    expect(everything).not.toContain('s3cret');
  });

  test('is one line of bounded length, whatever the server says', async () => {
    await using api = await fakeApi(refusal(403, 'Forbidden', `a\nlevel=error\u001b[31m\u2028${'x'.repeat(100_000)}`));
    const error = await failure(api.client().get(PODS, key));
    expect(error.message.length).toBeLessThan(700);
    expect(error.message).toMatch(/^[ -~…]*$/);
  });

  test.each([
    [400, 'BadRequest', 'BadRequest'],
    [401, 'Unauthorized', 'Unauthorized'],
    [404, 'NotFound', 'NotFound'],
    [409, 'AlreadyExists', 'AlreadyExists'],
    [410, 'Expired', 'Gone'],
    [413, 'RequestEntityTooLarge', 'BadRequest'],
    [422, 'Invalid', 'Invalid'],
  ])('of status %i %s has the code %s', async (status, reason, code) => {
    await using api = await fakeApi(refusal(status, reason, ''));
    expect(await failure(api.client().get(PODS, key))).toMatchObject({ code, status, reason, maybeApplied: false });
  });
});
