/** Each field of a canary, as a real server sees it. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { afterAll, describe, expect, it, onTestFinished } from 'vitest';
import { canaryUrl, requestText } from '../../../../src/rotation/secret/canary-request.ts';
import { CanarySender } from '../../../../src/rotation/secret/canary-sender.ts';
import { newKey } from '../../../../src/rotation/secret/keys.ts';
import { canaryOf } from '../../../../src/rotation/settings/canary-settings.ts';
import { systemClock } from '../../../../src/runtime/clock.ts';

type Written = Partial<Parameters<typeof canaryOf>[0]>;

interface Seen {
  readonly request: IncomingMessage;
  readonly body: string;
}

const folder = mkdtempSync(join(tmpdir(), 'rekey-canary-'));
afterAll(() => rmSync(folder, { recursive: true }));

async function listening(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return (server.address() as AddressInfo).port;
}

/** A server that keeps what it sees, and answers with this. */
function recorder(status: number, headers: Readonly<Record<string, string>> = {}, content = '') {
  const seen: Seen[] = [];
  const listener: RequestListener = async (request, response) => {
    const chunks = await request.toArray();
    seen.push({ request, body: Buffer.concat(chunks).toString() });
    response.writeHead(status, headers).end(content);
  };
  return { seen, listener };
}

async function ask(port: number, written: Written, address = '127.0.0.1') {
  const sender = new CanarySender(systemClock);
  onTestFinished(() => sender.close());
  const canary = canaryOf({ path: '/verify', port, ...written }, {});
  const { kid, material } = newKey(32);
  const tokens = { algorithm: 'HS256', clockSkewMs: 0, claims: canary.claims } as const;
  return sender.ask({ url: canaryUrl(address, port, canary), form: canary, tokens }, material, kid, Date.now());
}

async function seenOf(written: Written): Promise<Seen> {
  const { seen, listener } = recorder(200);
  expect(await ask(await listening(createServer(listener)), written)).toMatchObject({ answer: 'accepted' });
  const [only] = seen;
  if (only === undefined || seen.length > 1) throw new Error(`it was asked ${seen.length} times`);
  return only;
}

const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

describe('the token goes', () => {
  it('into Authorization after Bearer, by default', async () => {
    const { request } = await seenOf({});
    expect([request.method, request.url, request.headers['user-agent']]).toEqual(['GET', '/verify', 'rekey-canary']);
    expect(request.headers.authorization).toMatch(/^Bearer [\w-]+\.[\w-]+\.[\w-]+$/);
  });

  it.each<[NonNullable<Written['token']>, string, RegExp]>([
    [{ name: 'X-Auth-Token' }, 'x-auth-token', JWT],
    [{ name: 'X-Auth-Token', prefix: 'Token' }, 'x-auth-token', /^Token [\w-]+\./],
    [{ prefix: 'JWT' }, 'authorization', /^JWT [\w-]+\./],
    [{ prefix: '' }, 'authorization', JWT],
    [
      { in: 'Cookie', name: '__Secure-next-auth.session-token' },
      'cookie',
      /^__Secure-next-auth\.session-token=[\w-]+\./,
    ],
  ])('where %j says', async (token, header, value) => {
    const { request } = await seenOf({ token });
    expect(request.headers[header]).toMatch(value);
    if (header !== 'authorization') expect(request.headers).not.toHaveProperty('authorization');
  });

  it('into each place of the body', async () => {
    const { request, body } = await seenOf({
      ...{ method: 'POST', token: { in: 'Body' }, contentType: 'application/x-www-form-urlencoded' },
      body: 'token=$(TOKEN)&again=$(TOKEN)',
    });
    const [, first = '', second = ''] = /^token=([^&]+)&again=(.+)$/.exec(body) ?? [];
    expect(first).toMatch(JWT);
    expect(second).toBe(first);
    expect(request.headers).toMatchObject({ 'content-type': 'application/x-www-form-urlencoded' });
    expect(request.headers['content-length']).toBe(String(body.length));
    expect(request.headers).not.toHaveProperty('authorization');
  });
});

describe('a request', () => {
  it('has a body, and says that it is JSON unless the canary says otherwise', async () => {
    const query = '{"query":"{ viewer { id } }"}';
    const { request, body } = await seenOf({ method: 'POST', body: query });
    expect([request.method, body, request.headers['content-type']]).toEqual(['POST', query, 'application/json']);
    expect(request.headers.authorization).toMatch(/^Bearer /);
  });

  it('has the Host header and the others that are declared', async () => {
    const headers = [{ name: 'X-Tenant', value: 'shop-1' }];
    const { request } = await seenOf({ host: 'api.shop.test:8443', headers });
    expect(request.headers).toMatchObject({ host: 'api.shop.test:8443', 'x-tenant': 'shop-1' });
  });

  it('has the claims of the target over those of all', async () => {
    const canary = canaryOf({ path: '/', port: 1, claims: { sub: 'bot', scope: ['a'] } }, { sub: 'all', iss: 'me' });
    expect(canary.claims).toEqual({ sub: 'bot', scope: ['a'], iss: 'me' });
  });

  it('is shown without the token, and without what looks like a key', () => {
    const key = '0123456789abcdef'.repeat(4);
    const form = canaryOf(
      { path: '/', port: 1, method: 'POST', token: { in: 'Cookie', name: 'session' }, body: `{"key":"${key}"}` },
      {},
    );
    const text = requestText('http://10.0.0.1:1/', form);
    expect(text).toBe(
      'POST http://10.0.0.1:1/\nuser-agent: rekey-canary\ncontent-type: application/json\ncookie: session=<token>\n\n{"key":"[redacted]"}',
    );
  });
});

describe('a redirect to a login page', () => {
  it('is not followed, and shown without its parameters', async () => {
    const { seen, listener } = recorder(302, { location: 'https://sso.example.com/login?return=eyJhbGciOiJI' });
    const port = await listening(createServer(listener));
    expect(await ask(port, {})).toEqual({
      answer: 'unknown',
      said: 'it answered 302, to https://sso.example.com/login',
    });
    expect(await ask(port, { refuseStatuses: [302] })).toMatchObject({ answer: 'refused' });
    expect(seen).toHaveLength(2);
  });
});

describe('a body that decides', () => {
  const response = { accepted: { pointer: '/active', value: true }, refused: { pointer: '/active', value: false } };
  it.each([
    ['{"active":true}', 'accepted'],
    ['{"active":false}', 'refused'],
    [`{"active":true,"pad":"${'x'.repeat(70_000)}"}`, 'unknown'],
    ['not json', 'unknown'],
  ])('%.20s', async (content, answer) => {
    const { listener } = recorder(200, { 'content-type': 'application/json' }, content);
    expect(await ask(await listening(createServer(listener)), { response })).toMatchObject({ answer });
  });
});

describe('TLS', () => {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const subject = ['-subj', '/CN=api.shop.test', '-addext', 'subjectAltName=DNS:api.shop.test'];
  const made = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  execFileSync('openssl', [...made, ...subject, '-keyout', key, '-out', cert], { stdio: 'ignore' });
  const certificate = { key: readFileSync(key), cert: readFileSync(cert) };

  async function tlsPeer() {
    const { seen, listener } = recorder(200);
    return { seen, port: await listening(createTlsServer(certificate, listener)) };
  }

  it('sends no token to whoever has no certificate that rekey trusts', async () => {
    const { seen, port } = await tlsPeer();
    expect(await ask(port, { scheme: 'HTTPS', host: 'api.shop.test' })).toEqual({
      answer: 'unknown',
      said: expect.stringMatching(/^its certificate is not valid for rekey \(\w+\)$/),
    });
    expect(seen).toEqual([]);
  });

  it('does so where the canary says so in a word of its own', async () => {
    const { seen, port } = await tlsPeer();
    expect(await ask(port, { scheme: 'HTTPS', insecureSkipTLSVerify: true })).toMatchObject({ answer: 'accepted' });
    expect(seen[0]?.request.headers.authorization).toMatch(/^Bearer /);
    // and the next one, over the same agent, is not spared
    expect(await ask(port, { scheme: 'HTTPS' })).toMatchObject({ answer: 'unknown' });
  });

  it('compares the certificate with the host, by an authority that the system trusts', async () => {
    const before = getCACertificates('default');
    setDefaultCACertificates([...before, certificate.cert.toString()]);
    onTestFinished(() => setDefaultCACertificates(before));
    const { port } = await tlsPeer();
    expect(await ask(port, { scheme: 'HTTPS', host: 'api.shop.test' })).toMatchObject({ answer: 'accepted' });
    expect(await ask(port, { scheme: 'HTTPS', host: 'other.test' })).toEqual({
      answer: 'unknown',
      said: 'its certificate is not valid for rekey (ERR_TLS_CERT_ALTNAME_INVALID)',
    });
    expect(await ask(port, { scheme: 'HTTPS' })).toMatchObject({ answer: 'unknown' });
  });
});
