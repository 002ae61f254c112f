import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ServiceProcess, startService } from '../../support/traffic/service-process.ts';
import { signToken, type TokenRequest } from '../../support/traffic/tokens.ts';
import { BUILD_TIMEOUT_MS, buildCommands, type Commands, LANGUAGES } from './languages.ts';
import { send, verify } from './requests.ts';

const [A, B, N, X] = ['a', 'b', 'n', 'x'].map((letter) => letter.repeat(64)) as [string, string, string, string];
const RULES = { issuer: 'remotehive', audience: 'remotehive' };
const ENV = {
  JWT_SECRET_KEY: A,
  JWT_SECRET_KEY_FALLBACKS: `${B},${N}`,
  JWT_KEY_ID: 'k-a',
  JWT_ISSUER: 'remotehive',
  JWT_AUDIENCE: 'remotehive',
  JWT_LEEWAY_SECONDS: '60',
};
const NOW = Math.floor(Date.now() / 1000);

let commands: Commands;
beforeAll(async () => {
  commands = await buildCommands();
}, BUILD_TIMEOUT_MS);
afterAll(() => commands?.[Symbol.asyncDispose]());

describe.each(LANGUAGES)('The %s service', (language) => {
  let service: ServiceProcess;
  beforeAll(async () => {
    service = await startService(commands.of[language], ENV);
  });
  afterAll(() => service?.kill());

  const accepted: { title: string; token: TokenRequest }[] = [
    { title: 'signed with the signing key', token: { key: A, ...RULES } },
    { title: 'signed with the first fallback', token: { key: B, ...RULES } },
    { title: 'signed with the last fallback, such as an ack key', token: { key: N, ...RULES } },
    { title: 'whose kid names another key', token: { key: B, kid: 'k-a', ...RULES } },
    { title: 'whose kid is unknown', token: { key: A, kid: 'k-z', ...RULES } },
    { title: 'that expired within the leeway', token: { key: B, ttlSeconds: -40, ...RULES } },
    { title: 'with several audiences', token: { key: A, ...RULES, claims: { aud: ['else', 'remotehive'] } } },
    { title: 'with a begin within the leeway', token: { key: A, ...RULES, claims: { nbf: NOW + 30 } } },
  ];
  it.each(accepted)('accepts a token $title', async ({ token }) => {
    const { status, body } = await verify(service.url, await signToken({ subject: 'ada', ...token }));
    expect({ status, sub: body.sub, exp: typeof body.exp }).toEqual({ status: 200, sub: 'ada', exp: 'number' });
  });

  const refused: { title: string; token: TokenRequest; error: string }[] = [
    { title: 'signed with another key', token: { key: X, ...RULES }, error: 'bad_signature' },
    {
      title: 'signed with another key that names ours',
      token: { key: X, kid: 'k-a', ...RULES },
      error: 'bad_signature',
    },
    { title: 'that expired', token: { key: A, ttlSeconds: -70, ...RULES }, error: 'expired' },
    { title: 'of a fallback that expired', token: { key: B, ttlSeconds: -70, ...RULES }, error: 'expired' },
    { title: 'of another issuer', token: { key: A, ...RULES, issuer: 'else' }, error: 'invalid_claims' },
    { title: 'without an issuer', token: { key: A, audience: 'remotehive' }, error: 'invalid_claims' },
    { title: 'for another audience', token: { key: A, ...RULES, audience: 'else' }, error: 'invalid_claims' },
    { title: 'without an end', token: { key: A, ...RULES, claims: { exp: undefined } }, error: 'invalid_claims' },
    {
      title: 'that is not valid yet',
      token: { key: A, ...RULES, claims: { nbf: NOW + 600 } },
      error: 'invalid_claims',
    },
    { title: 'of another algorithm', token: { key: A, algorithm: 'HS512', ...RULES }, error: 'malformed' },
  ];
  it.each(refused)('refuses a token $title', async ({ token, error }) => {
    const { status, body, headers } = await verify(service.url, await signToken(token));
    expect({ status, error: body.error }).toEqual({ status: 401, error });
    expect(headers.get('www-authenticate')).toBe('Bearer');
  });

  it.each([
    { title: 'no token', token: undefined, error: 'missing_token' },
    { title: 'text that is no token', token: 'garbage', error: 'malformed' },
    {
      title: 'an unsigned token',
      token: `${base64({ alg: 'none' })}.${base64({ exp: NOW + 60 })}.`,
      error: 'malformed',
    },
    { title: 'a token of two parts', token: `${base64({ alg: 'HS256' })}.${base64({})}`, error: 'malformed' },
  ])('refuses $title', async ({ token, error }) => {
    const { status, body } = await verify(service.url, token);
    expect({ status, error: body.error }).toEqual({ status: 401, error });
  });

  it('serves nothing else', async () => {
    expect((await send(`${service.url}/`)).status).toBe(404);
    expect((await send(`${service.url}/auth/verify`, { method: 'POST' })).status).toBe(404);
    expect((await send(`${service.url}/auth/token`)).status).toBe(404);
    expect((await send(`${service.url}/healthz`)).status).toBe(200);
  });
});

function base64(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}
