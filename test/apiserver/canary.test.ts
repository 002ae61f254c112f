/** Canaries of services as they are: what the API server refuses, and a service that wants a cookie, a user and a login page. */
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import type { JwtKeyRotationStatus } from '../../src/rotation/api/types.ts';
import { KubeApi } from '../support/cluster/kubeapi.ts';
import type { KubeObject } from '../support/cluster/kubeobject.ts';
import { rekey } from '../support/scenario/command.ts';
import { createNamespace, installOperator } from '../support/scenario/install.ts';
import { openPlace, type Place } from '../support/scenario/place.ts';
import {
  conditionOf,
  readState,
  requestRotation,
  waitFor,
  waitUntilDone,
  waitUntilReady,
  waitUntilTold,
} from '../support/scenario/rotation.ts';
import { scanForKeys } from '../support/scenario/secrets-scan.ts';
import {
  emptyDeployment,
  KEY,
  rotationName,
  rotationOf,
  runningDeployment,
  secretName,
  targetName,
} from '../support/scenario/single.ts';
import { until } from '../support/scenario/until.ts';

const cluster = inject('cluster');

type Fields = Readonly<Record<string, unknown>>;

describe('the API server', () => {
  const api = KubeApi.fromKubeconfig(cluster.kubeconfig);
  const namespace = `canary-rules-${randomUUID().slice(0, 8)}`;

  beforeAll(async () => {
    await installOperator(api);
    await createNamespace(api, namespace);
  });
  afterAll(async () => {
    await api.delete({ kind: 'Namespace', name: namespace });
    await api.close();
  });

  /** As `create`, but only tried. */
  function tried(canary: Fields, spec: Fields = {}): Promise<KubeObject> {
    const targets = [{ kind: 'Deployment', name: 'a', canary: { path: '/', port: 80, ...canary } }];
    const body = { ...rotationOf(namespace, 'tried', 'x', { targets, ...spec }), apiVersion: 'rekey.dev/v1alpha1' };
    const path = `/apis/rekey.dev/v1alpha1/namespaces/${namespace}/jwtkeyrotations`;
    return api.raw({ method: 'POST', path, query: { dryRun: 'All' }, body });
  }

  const check = (pointer: string) => ({ response: { accepted: { pointer } } });
  const header = (name: string, value: string) => ({ headers: [{ name, value }] });
  it.each<[Fields, string, string]>([
    [{ acceptStatuses: [302], refuseStatuses: [302] }, 'canary.refuseStatuses', 'a status cannot mean both'],
    [{ acceptStatuses: [401] }, 'canary.acceptStatuses', 'so nothing means refused'],
    [{ refuseStatuses: [200] }, 'canary.refuseStatuses[0]', 'greater than or equal to 300'],
    [check('data/viewer'), 'response.accepted.pointer', 'not a JSON pointer'],
    [check('/a~2b'), 'response.accepted.pointer', 'not a JSON pointer'],
    [check(''), 'response.accepted.pointer', 'not a JSON pointer'],
    [{ response: { refused: { pointer: '/a' } } }, 'response.accepted', 'Required'],
    [header('X-A\r\nX-B', 'c'), 'headers[0].name', 'not a header name'],
    [header('Cookie', 'a=b'), 'headers[0].name', 'cannot be set here'],
    [header('X-A', 'b\r\nX-C: d'), 'headers[0].value', 'not a header value'],
    [{ headers: [...header('X-A', '1').headers, ...header('X-A', '2').headers] }, 'headers[1]', 'Duplicate'],
    [{ token: { in: 'Cookie' } }, 'canary.token.in', 'a cookie needs a name'],
    [{ token: { in: 'Cookie', name: 'a;b' } }, 'canary.token.name', 'not a name of a header or a cookie'],
    [{ token: { name: 'Content-Length' } }, 'canary.token.name', 'takes no token'],
    [{ token: { in: 'Cookie', name: 'a', prefix: 'b' } }, 'canary.token.prefix', 'only a header has a prefix'],
    [{ token: { prefix: 'Bearer\r\nX: y' } }, 'canary.token.prefix', 'not a prefix'],
    [{ token: { in: 'Query' } }, 'canary.token.in', 'Unsupported value'],
    [{ body: 'x' }, 'canary.body', 'such as method: POST'],
    [{ contentType: 'text/plain' }, 'canary.contentType', 'needs a body'],
    [{ method: 'POST', body: 'x', contentType: 'json' }, 'canary.contentType', 'not a media type'],
    [{ method: 'POST', body: 'x', token: { in: 'Body' } }, 'canary.body', 'needs the place of the token'],
    [{ method: 'POST', body: '$(TOKEN)' }, 'canary.body', 'and nothing else does'],
    [{ method: 'POST', body: '$(TOKEN)', token: { in: 'Body', name: 'a' } }, 'token.name', 'has no name'],
    [{ method: 'DELETE' }, 'canary.method', 'Unsupported value'],
    [{ host: 'a/b' }, 'canary.host', 'not a host'],
    [{ port: 0 }, 'canary.port', 'not a port'],
    [{ port: 'web-of-all-targets' }, 'canary.port', 'Too long'],
    [{ insecureSkipTLSVerify: true }, 'canary.insecureSkipTLSVerify', 'such as scheme: HTTPS'],
    [{ claims: { exp: 1 } }, 'canary.claims', 'exp, iat and nbf are set by rekey'],
  ])('refuses %j and names %s', async (canary, field, words) => {
    const refusal = await tried(canary).then(String, ({ message }: Error) => message);
    expect(refusal).toContain(`spec.targets[0].${field.startsWith('canary') ? '' : 'canary.'}${field}`);
    expect(refusal).toContain(words);
  });

  it.each(['exp', 'iat', 'nbf'])('refuses the claim %s for all', async (name) => {
    await expect(tried({}, { canary: { claims: { [name]: 1 } } })).rejects.toThrow('spec.canary.claims');
  });

  it('keeps every field as it was written', async () => {
    const canary = {
      ...{ path: '/graphql', port: 'https', scheme: 'HTTPS', insecureSkipTLSVerify: true, host: 'a.test:8443' },
      ...{ method: 'POST', body: '{"query":"{viewer{id}}"}', contentType: 'application/json; charset=utf-8' },
      ...{ token: { in: 'Header', name: 'X-Auth', prefix: '' }, ...header('X-Tenant', 'a') },
      claims: { sub: 'bot', aud: ['a', 'b'], roles: [{ name: 'r' }], level: 3, deep: { on: true } },
      ...{ acceptStatuses: [206], refuseStatuses: [302, 403] },
      response: { accepted: { pointer: '/data/viewer' }, refused: { pointer: '/errors/0/code', value: { a: [1] } } },
    };
    const { spec } = (await tried(canary, { canary: { claims: { jti: 'x', n: [1, 2.5, true, null] } } })) as never as {
      readonly spec: { readonly targets: readonly [Fields]; readonly canary: Fields };
    };
    expect(spec.targets[0].canary).toEqual(canary);
    expect(spec.canary).toEqual({ claims: { jti: 'x', n: [1, 2.5, true, null] } });
  });
});

describe('a service with a cookie, a login page and users', () => {
  let place: Place;
  beforeAll(async () => {
    place = await openPlace(cluster, 'canary');
    await place.operator();
  });
  afterAll(() => place.close());

  const id = 'session';
  const name = rotationName(id);
  const canary = { path: '/account', port: 'http', token: { in: 'Cookie', name: 'session' }, refuseStatuses: [302] };
  const check = (...flags: readonly string[]) => {
    const at = ['-n', place.namespace, '--kubeconfig', cluster.kubeconfig];
    return rekey(['check', name, '--canary', ...at, ...flags], cluster.programs?.command);
  };
  const edit = (spec: Fields) =>
    place.api.patch({ kind: 'JwtKeyRotation', namespace: place.namespace, name }, { spec });
  const target = (more: Fields) => ({
    targets: [{ kind: 'Deployment', name: targetName(id), canary: { ...canary, ...more } }],
  });

  it('is found out with check --canary, and rotates', async () => {
    const running = { image: 'rekey.dev/test-session', env: { USERS: 'ann,rekey@example.com' } };
    await place.make(id, running, { canary: { claims: {} }, ...target({}) });
    const { resource } = await waitFor(place.api, place.namespace, name, 'it is refused', (state) => {
      return conditionOf(state.resource, 'Ready')?.reason === 'CanaryRefused';
    });
    expect(conditionOf(resource, 'Ready')?.message).toContain('the subject may be unknown to the service');

    const unknown = await check();
    expect(unknown).toMatchObject({ code: 3, told: '' });
    expect(unknown.result).toMatch(/request +GET http:\/\/[\d.]+:8000\/account\n/);
    expect(unknown.result).toContain('cookie: session=<token>\n');
    expect(unknown.result).toMatch(
      /key in use +refused: it answered 302, to \/login\n +made-up key +refused: it answered 302/,
    );
    expect(unknown.result).toMatch(/verdict +Refused: .* the subject may be unknown to the service/);

    await edit(target({ port: 'web' }));
    expect((await check()).result).toContain('has no TCP port named web (its containers name http)');
    await edit(target({ refuseStatuses: null }));
    expect((await check()).result).toMatch(/verdict +Unknown: .*it answered 302, to \/login, which says nothing/);
    await edit(target({ path: '/login' }));
    expect((await check()).result).toMatch(/verdict +Void: .*\/login verifies no signature/);

    await edit({ ...target({}), canary: { claims: { sub: 'rekey@example.com' } } });
    const works = await check('-o', 'json');
    expect([works.code, works.told]).toEqual([0, '']);
    const { pods } = JSON.parse(works.result) as NonNullable<JwtKeyRotationStatus['canaryCheck']>;
    expect(pods).toMatchObject([
      { verdict: 'Works', inUse: 'accepted: it answered 200', target: `Deployment/${targetName(id)}` },
    ]);

    const state = await waitUntilReady(place.api, place.namespace, name);
    const shown = JSON.stringify([works, unknown, state.resource]);
    expect(shown).not.toMatch(/eyJ[\w-]+\./);
    expect(scanForKeys([{ name: 'status', text: shown }], [KEY])).toEqual([]);

    const requestedAt = await requestRotation(place.api, place.namespace, name);
    const { keyset, resource: done } = await waitUntilDone(place.api, place.namespace, name, { requestedAt });
    expect(keyset?.rotation?.outcome).toBe('Completed');
    expect(conditionOf(done, 'Verified')).toMatchObject({ status: 'True', reason: 'Canary' });
  });

  it('is told of a canary that cannot tell, and asked nothing', async () => {
    // the two checks mean the same, which no rule of the schema can see
    const same = { accepted: { pointer: '/a', value: 1 }, refused: { pointer: '/a', value: 1 } };
    await edit(target({ response: same }));
    const { resource } = await waitFor(place.api, place.namespace, name, 'it is refused', (state) => {
      return conditionOf(state.resource, 'Ready')?.reason === 'InvalidCanary';
    });
    const field = 'spec.targets[0].canary.response.refused';
    expect(conditionOf(resource, 'Ready')).toMatchObject({ status: 'False', message: expect.stringContaining(field) });
    const said = await check();
    expect(said).toMatchObject({ code: 3, result: expect.stringContaining(`InvalidCanary  ${field}`) });
    const after = await place.api.get({ kind: 'JwtKeyRotation', namespace: place.namespace, name });
    expect((after as typeof resource).status?.canaryCheck).toEqual(resource.status?.canaryCheck);
  });

  it('is asked before its Secret is adopted; without a key that is fit, only a made-up one is sent', async () => {
    const fresh = 'fresh';
    const { api, namespace } = place;
    const secret = { kind: 'Secret', namespace, name: secretName(fresh) };
    await api.create({ kind: 'Secret', metadata: secret, stringData: { JWT_SECRET_KEY: KEY } });
    await api.create(runningDeployment(namespace, fresh, { image: 'rekey.dev/test-session', env: { USERS: 'ann' } }));
    await api.create(emptyDeployment(namespace, 'stranger', fresh));
    const targets = [{ kind: 'Deployment', name: targetName(fresh), canary }];
    const claims = { canary: { claims: { sub: 'ann' } } };
    await api.create(rotationOf(namespace, rotationName(fresh), fresh, { targets, ...claims }));
    const at = ['-n', namespace, '--kubeconfig', cluster.kubeconfig];
    const ask = () => rekey(['check', '--canary', rotationName(fresh), ...at], cluster.programs?.command);
    const said = await until('the pod answers', async () => {
      const asked = await ask();
      return asked.code === 0 ? asked : undefined;
    });
    expect(said.result).toMatch(/verdict +Works: /);
    const { resource, secret: untouched } = await readState(api, namespace, rotationName(fresh));
    expect(conditionOf(resource, 'Ready')?.reason).toBe('UnlistedConsumer');
    expect(untouched?.metadata.annotations ?? {}).not.toHaveProperty('rekey.dev/keyset-version');

    await api.patch(secret, { stringData: { JWT_SECRET: KEY.toUpperCase() } });
    await waitUntilTold(api, namespace, rotationName(fresh), 'KeysDiffer');
    const half = await ask();
    expect(half.code).toBe(3);
    expect(half.result).not.toContain('key in use   ');
    expect(half.result).toMatch(/verdict +Unknown: .* not that it accepts the key in use/);
    expect(half.result).toContain('no token of the key in use was sent: ');
    expect(scanForKeys([{ name: 'check', text: `${said.result}${half.result}` }], [KEY])).toEqual([]);
  });
});
