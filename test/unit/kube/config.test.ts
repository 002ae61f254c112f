import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createProxy } from 'node:http';
import { createSecureServer } from 'node:http2';
import { createServer } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { KubeClient } from '../../../src/kube/client.ts';
import { KubeConfigError, loadKubeConfig } from '../../../src/kube/config.ts';
import { SECRETS } from '../../../src/kube/types.ts';
import { systemClock } from '../../../src/runtime/clock.ts';
import { failure, secret } from './fake-api.ts';

const dir = mkdtempSync(join(tmpdir(), 'rekey-config-'));
afterAll(() => rmSync(dir, { recursive: true }));
afterEach(() => vi.unstubAllEnvs());

const file = (name: string, text: string) => {
  const path = join(dir, name);
  writeFileSync(path, text);
  return path;
};

/** JSON is YAML. */
function kubeconfig(name: string, cluster: object, user: object, more: object = {}): string {
  const config = {
    clusters: [{ name: 'c', cluster }],
    users: [{ name: 'u', user }],
    contexts: [
      { name: 'one', context: { cluster: 'c', user: 'u' } },
      { name: 'two', context: { cluster: 'c', user: 'u', namespace: 'shop' } },
      { name: 'userless', context: { cluster: 'c', user: 'nobody' } },
    ],
    'current-context': 'one',
    ...more,
  };
  return file(name, JSON.stringify(config));
}

const server = 'https://api.example:6443';

describe('the way to a cluster', () => {
  test('is the file that is named', () => {
    const access = loadKubeConfig({ kubeconfig: kubeconfig('named', { server }, { token: 't' }) });
    expect(access.server.href).toBe(`${server}/`);
    expect(access.namespace).toBe('default');
  });

  test('is KUBECONFIG without one', () => {
    vi.stubEnv('KUBECONFIG', kubeconfig('env', { server }, { token: 't' }));
    expect(loadKubeConfig().server.host).toBe('api.example:6443');
  });

  test('takes the namespace of the context that is named, unless another one is', () => {
    const path = kubeconfig('context', { server }, { token: 't' });
    expect(loadKubeConfig({ kubeconfig: path, context: 'two' }).namespace).toBe('shop');
    expect(loadKubeConfig({ kubeconfig: path, context: 'two', namespace: 'mine' }).namespace).toBe('mine');
  });

  test.each([
    ['there is no such file', () => ({ kubeconfig: join(dir, 'missing') }), 'missing'],
    ['the file is no kubeconfig', () => ({ kubeconfig: file('bad', '{') }), 'not YAML (line 1, column 2)'],
    [
      'the context does not exist',
      () => ({ kubeconfig: kubeconfig('a', { server }, {}), context: 'three' }),
      'no context "three", but "one", "two", "userless"',
    ],
    [
      'the user does not exist',
      () => ({ kubeconfig: kubeconfig('b', { server }, {}), context: 'userless' }),
      'no user "nobody"',
    ],
    ['the server is plain HTTP', () => ({ kubeconfig: kubeconfig('c', { server: 'http://api' }, {}) }), 'not https'],
    [
      'the proxy speaks SOCKS',
      () => ({ kubeconfig: kubeconfig('e', { server, 'proxy-url': 'socks5://p' }, {}) }),
      'proxy-url',
    ],
    ['the server is no URL', () => ({ kubeconfig: kubeconfig('d', { server: 'api' }, {}) }), 'not a valid URL'],
  ])('is refused with the reason when %s', (_, options, text) => {
    expect(() => loadKubeConfig(options())).toThrow(KubeConfigError);
    expect(() => loadKubeConfig(options())).toThrow(text);
  });

  test('is refused when there is nothing, instead of a guess at localhost', () => {
    vi.stubEnv('KUBECONFIG', '');
    vi.stubEnv('HOME', dir);
    expect(() => loadKubeConfig()).toThrow('--kubeconfig');
  });
});

describe('a pod without a kubeconfig', () => {
  const pem = '-----BEGIN CERTIFICATE-----\n';
  const account = () => {
    const serviceAccount = mkdtempSync(join(dir, 'account-'));
    for (const [name, text] of [
      ['ca.crt', pem],
      ['token', 'first'],
      ['namespace', 'of-pod\n'],
    ] as const) {
      writeFileSync(join(serviceAccount, name), text);
    }
    vi.stubEnv('KUBECONFIG', '');
    vi.stubEnv('HOME', dir);
    return serviceAccount;
  };

  test('acts by its service account, whose token changes', async () => {
    const serviceAccount = account();
    vi.stubEnv('KUBERNETES_SERVICE_HOST', 'fd00::1');
    vi.stubEnv('KUBERNETES_SERVICE_PORT', '443');
    let now = 0;
    const access = loadKubeConfig({ serviceAccount, now: () => now });
    expect([access.server.href, access.namespace]).toEqual(['https://[fd00::1]/', 'of-pod']);
    const { headers, tls } = await access.credentials();
    expect(headers).toEqual({ Authorization: 'Bearer first' });
    expect(tls.ca?.toString()).toBe(pem);
    writeFileSync(join(serviceAccount, 'token'), 'second');
    now = 1_000;
    expect((await access.credentials()).headers).toEqual({ Authorization: 'Bearer second' });
  });

  test('that is not told where the API server is says so', () => {
    const serviceAccount = account();
    vi.stubEnv('KUBERNETES_SERVICE_HOST', '');
    expect(() => loadKubeConfig({ serviceAccount })).toThrow('no KUBERNETES_SERVICE_HOST');
  });
});

describe('credentials', () => {
  test('are those of basic authentication', async () => {
    const access = loadKubeConfig({ kubeconfig: kubeconfig('basic', { server }, { username: 'u', password: 'p' }) });
    expect((await access.credentials()).headers).toEqual({
      Authorization: `Basic ${Buffer.from('u:p').toString('base64')}`,
    });
  });

  test('come from a token file, which goes before a token and is read again when it changes', async () => {
    const tokenFile = file('token', 'first\n');
    let now = 0;
    const path = kubeconfig('token-file', { server }, { tokenFile, token: 'beside' });
    const access = loadKubeConfig({ kubeconfig: path, now: () => now });
    const authorization = async () => (await access.credentials()).headers.Authorization;
    expect(await authorization()).toBe('Bearer first');
    writeFileSync(tokenFile, 'second');
    now = 999;
    expect(await authorization()).toBe('Bearer first');
    now = 1_000;
    expect(await authorization()).toBe('Bearer second');
    // half written
    writeFileSync(tokenFile, '');
    now = 2_000;
    expect(await authorization()).toBe('Bearer second');
    rmSync(tokenFile);
    access.refresh();
    expect(await authorization()).toBe('Bearer beside');
  });

  test('are read again at once after a refusal, and when the clock went back', async () => {
    const tokenFile = file('token', 'first');
    let now = 10_000;
    const path = kubeconfig('token-refused', { server }, { tokenFile });
    const access = loadKubeConfig({ kubeconfig: path, now: () => now });
    const authorization = async () => (await access.credentials()).headers.Authorization;
    expect(await authorization()).toBe('Bearer first');
    for (const token of ['second', 'third']) {
      writeFileSync(tokenFile, token);
      access.refresh();
      expect(await authorization()).toBe(`Bearer ${token}`);
    }
    writeFileSync(tokenFile, 'fourth');
    now = 9_999;
    expect(await authorization()).toBe('Bearer fourth');
  });

  test('are read again of the same context, whatever the current one is by then, and for the same server only', async () => {
    const path = (current: string, at: string = server) => {
      const cluster = (name: string, url: string) => ({ name, cluster: { server: url } });
      const user = (name: string) => ({ name, user: { token: name } });
      const context = (name: string) => ({ name, context: { cluster: name, user: name } });
      const clusters = [cluster('staging', at), cluster('prod', 'https://prod.example')];
      const users = ['staging', 'prod'].map(user);
      const contexts = ['staging', 'prod'].map(context);
      return file('two', JSON.stringify({ clusters, users, contexts, 'current-context': current }));
    };
    let now = 0;
    const access = loadKubeConfig({ kubeconfig: path('staging'), now: () => now });
    path('prod');
    access.refresh();
    expect((await access.credentials()).headers.Authorization).toBe('Bearer staging');
    path('staging', 'https://elsewhere.example');
    // of a burst that is refused the first one reads
    expect(() => access.refresh()).not.toThrow();
    now += 1_000;
    expect(() => access.refresh()).toThrow('its server has changed');
  });

  test('come from a token file that an old-style provider names', async () => {
    const tokenFile = file('provided', 'provided\n');
    const user = { 'auth-provider': { name: 'tokenFile', config: { tokenFile } } };
    const access = loadKubeConfig({ kubeconfig: kubeconfig('provider', { server }, user) });
    expect((await access.credentials()).headers).toEqual({ Authorization: 'Bearer provided' });
  });

  test('have with them whom the user impersonates', async () => {
    const extra = { 'example.org/scope:x': ['one', 'two'] };
    const user = { token: 't', as: 'root', 'as-uid': '0', 'as-groups': ['a', 'b'], 'as-user-extra': extra };
    const access = loadKubeConfig({ kubeconfig: kubeconfig('as', { server }, user) });
    expect((await access.credentials()).headers).toEqual({
      Authorization: 'Bearer t',
      'Impersonate-User': 'root',
      'Impersonate-Uid': '0',
      'Impersonate-Group': ['a', 'b'],
      'Impersonate-Extra-example.org%2Fscope%3Ax': ['one', 'two'],
    });
  });

  test.each([
    [{ user: 'alice' }, { 'Impersonate-User': 'alice', 'Impersonate-Uid': '0', 'Impersonate-Group': ['a'] }],
    [{ groups: ['b', 'c'] }, { 'Impersonate-User': 'root', 'Impersonate-Uid': '0', 'Impersonate-Group': ['b', 'c'] }],
    [{ uid: '7' }, { 'Impersonate-User': 'root', 'Impersonate-Uid': '7', 'Impersonate-Group': ['a'] }],
    [{}, { 'Impersonate-User': 'root', 'Impersonate-Uid': '0', 'Impersonate-Group': ['a'] }],
  ])('have each field of the flags in place of that of the entry, as kubectl: %j', async (impersonate, headers) => {
    const user = { token: 't', as: 'root', 'as-uid': '0', 'as-groups': ['a'] };
    const access = loadKubeConfig({ kubeconfig: kubeconfig('as-flags', { server }, user), impersonate });
    const all = { Authorization: 'Bearer t', ...headers };
    expect((await access.credentials()).headers).toEqual(all);
    access.refresh();
    expect((await access.credentials()).headers).toEqual(all);
  });

  test.each([{ groups: ['a'] }, { uid: '0' }])('name a user to act as: %j', (impersonate) => {
    const load = () => loadKubeConfig({ kubeconfig: kubeconfig('as-none', { server }, { token: 't' }), impersonate });
    expect(load).toThrow('--as-uid and --as-group need a user to act as: add --as');
  });

  test('come from an exec plugin, which a burst of calls starts once', async () => {
    const plugin = file(
      'plugin.sh',
      `#!/bin/sh\necho x >> ${dir}/runs\nsleep 0.1\necho '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{"token":"from-plugin"}}'\n`,
    );
    chmodSync(plugin, 0o755);
    const user = { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: plugin } };
    const access = loadKubeConfig({ kubeconfig: kubeconfig('exec', { server }, user) });
    const all = await Promise.all([access.credentials(), access.credentials(), access.credentials()]);
    expect(all.map(({ headers }) => headers.Authorization)).toEqual(Array(3).fill('Bearer from-plugin'));
    expect(readFileSync(join(dir, 'runs'), 'utf8')).toBe('x\n');
  });

  test('that an exec plugin cannot give make a call Unauthorized', async () => {
    const user = { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: join(dir, 'no-such-plugin') } };
    const access = loadKubeConfig({ kubeconfig: kubeconfig('no-plugin', { server }, user) });
    const client = new KubeClient({ access, clock: systemClock });
    const error = await failure(client.get(SECRETS, { namespace: 'shop', name: 'jwt' }));
    expect(error).toMatchObject({ code: 'Unauthorized', maybeApplied: false });
    expect(error.message).toContain('no-such-plugin');
  });
});

describe('a server with a certificate', () => {
  const certificates: Record<string, { key: string; cert: string }> = {};
  beforeAll(() => {
    for (const name of ['old', 'new']) {
      const args = `req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=${name}`;
      const out = `-keyout ${join(dir, `${name}.key`)} -out ${join(dir, `${name}.crt`)} -addext subjectAltName=IP:127.0.0.1`;
      execFileSync('openssl', `${args} ${out}`.split(' '), { stdio: 'ignore' });
      const read = (end: string) => readFileSync(join(dir, `${name}.${end}`), 'utf8');
      certificates[name] = { key: read('key'), cert: read('crt') };
    }
  });

  async function tlsServer() {
    let lastClient = '';
    const tls = createServer(
      { ...certificates.old, requestCert: true, rejectUnauthorized: false },
      (request, response) => {
        lastClient =
          (request.socket as import('node:tls').TLSSocket).getPeerCertificate().subject?.CN?.toString() ?? '';
        response.end(JSON.stringify(secret('jwt')));
      },
    );
    await new Promise<void>((resolve) => tls.listen(0, '127.0.0.1', resolve));
    return {
      url: `https://127.0.0.1:${(tls.address() as AddressInfo).port}`,
      client: () => lastClient,
      renew: () => {
        tls.setSecureContext(certificates.new ?? {});
        tls.closeAllConnections();
      },
      [Symbol.asyncDispose]: async () => {
        tls.closeAllConnections();
        await new Promise((resolve) => tls.close(resolve));
      },
    };
  }

  const key = { namespace: 'shop', name: 'jwt' };

  test('is trusted through the CA file, which is read again when it changes; our certificate is shown', async () => {
    await using tls = await tlsServer();
    const ca = file('ca.crt', certificates.old?.cert ?? '');
    const user = { 'client-certificate': join(dir, 'new.crt'), 'client-key': join(dir, 'new.key') };
    const access = loadKubeConfig({
      kubeconfig: kubeconfig('tls', { server: tls.url, 'certificate-authority': ca }, user),
    });
    const client = new KubeClient({ access, clock: systemClock });
    await client.get(SECRETS, key);
    expect(tls.client()).toBe('new');
    tls.renew();
    const fails = async () => expect(await failure(client.get(SECRETS, key, { timeoutMs: 100 }))).toBeDefined();
    await vi.waitFor(fails, { timeout: 30_000 });
    writeFileSync(ca, certificates.new?.cert ?? '');
    await client.get(SECRETS, key);
    await client.close();
  });

  test('that prefers HTTP/2 is spoken to in HTTP/1.1, or one dead socket would hold all calls', async () => {
    const versions: string[] = [];
    const h2 = createSecureServer({ ...certificates.old, allowHTTP1: true }, (request, response) => {
      versions.push(request.httpVersion);
      response.end(JSON.stringify(secret('jwt')));
    });
    await new Promise<void>((resolve) => h2.listen(0, '127.0.0.1', resolve));
    const url = `https://127.0.0.1:${(h2.address() as AddressInfo).port}`;
    const cluster = { server: url, 'certificate-authority': join(dir, 'old.crt') };
    const client = new KubeClient({
      access: loadKubeConfig({ kubeconfig: kubeconfig('h2', cluster, { token: 't' }) }),
      clock: systemClock,
    });
    await client.get(SECRETS, key);
    expect(versions).toEqual(['1.1']);
    await client.close();
    h2.close();
  });

  test('is reached through the proxy of the kubeconfig', async () => {
    await using tls = await tlsServer();
    const tunnels: string[] = [];
    const proxy = createProxy().on('connect', (request, near: Socket) => {
      tunnels.push(request.url ?? '');
      const far = connect(Number(new URL(tls.url).port), '127.0.0.1', () => {
        near.write('HTTP/1.1 200 OK\r\n\r\n');
        far.pipe(near).pipe(far);
      });
      for (const socket of [near, far]) socket.on('error', () => undefined);
    });
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`;
    const cluster = { server: tls.url, 'certificate-authority': join(dir, 'old.crt'), 'proxy-url': url };
    const access = loadKubeConfig({ kubeconfig: kubeconfig('proxy', cluster, { token: 't' }) });
    const client = new KubeClient({ access, clock: systemClock });
    await client.get(SECRETS, key);
    expect(tunnels).toEqual([new URL(tls.url).host]);
    await client.close();
    proxy.closeAllConnections();
    proxy.close();
  });

  test('is refused when another CA signed it, and nothing is sent', async () => {
    await using tls = await tlsServer();
    const cluster = { server: tls.url, 'certificate-authority': join(dir, 'new.crt') };
    const access = loadKubeConfig({ kubeconfig: kubeconfig('wrong-ca', cluster, { token: 't' }) });
    const client = new KubeClient({ access, clock: systemClock, random: () => 0 });
    expect(await failure(client.replace(SECRETS, secret('jwt')))).toMatchObject({
      code: 'Unreachable',
      maybeApplied: false,
    });
    await client.close();
  });
});
