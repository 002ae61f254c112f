/** Tokens that somebody has made up: every library of every language gives the same verdict, and shows nothing. */
import { randomBytes } from 'node:crypto';
import { afterAll, describe, expect, it } from 'vitest';
import { startCrew } from '../../support/keyring/crew.ts';
import { encode, mint } from '../../support/keyring/mint.ts';

const crew = await startCrew();
afterAll(() => crew[Symbol.asyncDispose]());

const [KEY, OTHER, FOREIGN] = [1, 2, 3].map(() => randomBytes(32).toString('hex')) as [string, string, string];
const RULES = { issuer: 'shop', audience: 'shop', leewaySeconds: 60 };
const NOW = Math.floor(Date.now() / 1000);
const CLAIMS = { sub: 'ada', iss: 'shop', aud: 'shop', iat: NOW, exp: NOW + 600 };
const HS256 = { alg: 'HS256', typ: 'JWT' };

await crew.askAll({
  ...{ op: 'load', name: 'ours' },
  env: { JWT_SECRET_KEY: KEY, JWT_SECRET_KEY_FALLBACKS: OTHER, JWT_KEY_ID: 'k-1', JWT_ALGORITHM: 'HS256' },
});

const GOOD = mint({ payload: CLAIMS, key: KEY });
const [HEAD = '', BODY = '', SIGNATURE = ''] = GOOD.split('.');
const claims = (more: Readonly<Record<string, unknown>>, key = KEY): string =>
  mint({ payload: { ...CLAIMS, ...more }, key });
const header = (value: unknown, key = KEY): string => mint({ header: value, payload: CLAIMS, key });
/** Of exactly so many bytes. */
const sized = (bytes: number): string => {
  let pad = Math.floor(((bytes - GOOD.length) * 3) / 4) - 12;
  for (; ; pad += 1) {
    const token = claims({ pad: 'x'.repeat(pad) });
    if (token.length >= bytes) return token;
  }
};
/** The same bytes, written with a bit that no byte needs. */
const loose = (text: string): string => {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return text.slice(0, -1) + alphabet[alphabet.indexOf(text.at(-1)!) + 1];
};

const ACCEPTED: Readonly<Record<string, string>> = {
  'signed with the signing key': GOOD,
  'with the id of the key': header({ ...HS256, kid: 'k-1' }),
  'with the id of another key': header({ ...HS256, kid: 'k-9' }),
  'of a fallback with the id of the signing key': header({ ...HS256, kid: 'k-1' }, OTHER),
  'without typ': header({ alg: 'HS256' }),
  'that has expired within the leeway': claims({ exp: NOW - 1 }),
  'that is not yet valid within the leeway': claims({ nbf: NOW + 30, iat: NOW + 30 }),
  'for several': claims({ aud: ['else', 'shop'] }),
  'with times of half a second': claims({ exp: NOW + 60.5, iat: NOW - 0.5 }),
  'whose header names the algorithm twice, at last ours': header('{"alg":"none","alg":"HS256"}'),
  'of 8 KiB': sized(8192).slice(0, 8192) === sized(8192) ? sized(8192) : sized(8191),
};

const REFUSED: Readonly<Record<string, readonly [verdict: string, token: string]>> = {
  'of a foreign key': ['bad_signature', claims({}, FOREIGN)],
  'of a foreign key with the id of ours': ['bad_signature', header({ ...HS256, kid: 'k-1' }, FOREIGN)],
  'of a foreign key that has expired': ['bad_signature', claims({ exp: 1 }, FOREIGN)],
  'with the signature of another token': ['bad_signature', `${HEAD}.${encode({ ...CLAIMS, sub: 'eve' })}.${SIGNATURE}`],
  'with a short signature': ['bad_signature', `${HEAD}.${BODY}.${SIGNATURE.slice(0, 40)}`],
  'with a signature of HS512 under the name of HS256': [
    'bad_signature',
    mint({ payload: CLAIMS, key: KEY, hash: 'sha512' }),
  ],
  'without a signature': ['malformed', `${HEAD}.${BODY}.`],
  'with a signature that is written loosely': ['malformed', `${HEAD}.${BODY}.${loose(SIGNATURE)}`],
  'with padding': ['malformed', `${HEAD}.${BODY}.${SIGNATURE}=`],
  'with a newline at its end': ['malformed', `${GOOD}\n`],
  'with white space inside': ['malformed', `${HEAD}.${BODY.slice(0, 8)}\n${BODY.slice(8)}.${SIGNATURE}`],
  'of HS512 with the same key': [
    'malformed',
    mint({ header: { alg: 'HS512' }, payload: CLAIMS, key: KEY, hash: 'sha512' }),
  ],
  'of HS384 with the same key': [
    'malformed',
    mint({ header: { alg: 'HS384' }, payload: CLAIMS, key: KEY, hash: 'sha384' }),
  ],
  'of no algorithm': ['malformed', `${encode({ alg: 'none' })}.${BODY}.`],
  'of no algorithm, yet signed': ['malformed', header({ alg: 'none' })],
  'of none in other letters': ['malformed', header({ alg: 'nOnE' })],
  'of our algorithm in other letters': ['malformed', header({ alg: 'hs256' })],
  'of RS256 that is HMAC': ['malformed', header({ alg: 'RS256' })],
  'of an algorithm that is a list': ['malformed', header({ alg: ['HS256'] })],
  'without an algorithm': ['malformed', header({ typ: 'JWT' })],
  'whose Alg has another name': ['malformed', header({ Alg: 'HS256' })],
  'whose header names the algorithm twice, at last none': ['malformed', header('{"alg":"HS256","alg":"none"}')],
  'with an extension that must be understood': ['malformed', header({ ...HS256, crit: ['exp'], exp: 1 })],
  'with an empty list of extensions': ['malformed', header({ ...HS256, crit: [] })],
  'whose kid is a number': ['malformed', header({ ...HS256, kid: 1 })],
  'whose header is a list': ['malformed', header('["HS256"]')],
  'whose header is null': ['malformed', header('null')],
  'whose header is not JSON': ['malformed', header('{alg:"HS256"}')],
  'whose header is not UTF-8': ['malformed', header(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]))],
  'whose header is a thousand lists deep': ['malformed', header(`${'['.repeat(2500)}${']'.repeat(2500)}`)],
  'whose header has a byte order mark': ['malformed', header('\ufeff{"alg":"HS256"}')],
  'whose payload is a list': ['malformed', mint({ payload: [CLAIMS], key: KEY })],
  'whose payload is text': ['malformed', mint({ payload: '"ada"', key: KEY })],
  'whose payload is not JSON': ['malformed', mint({ payload: '{"exp":NaN}', key: KEY })],
  'of over 8 KiB': ['malformed', claims({ pad: 'x'.repeat(8192) })],
  'of a megabyte': ['malformed', 'a'.repeat(1 << 20)],
  'of two parts': ['malformed', `${HEAD}.${BODY}`],
  'of four parts': ['malformed', `${GOOD}.${SIGNATURE}`],
  'of five parts, as an encrypted one': ['malformed', `${GOOD}.a.b`],
  'of nothing': ['malformed', ''],
  'of dots': ['malformed', '..'],
  'that is JSON': ['malformed', JSON.stringify({ payload: BODY, signatures: [] })],
  'that has expired': ['expired', claims({ exp: NOW - 120 })],
  'that has expired when it was signed': ['expired', claims({ exp: 0 })],
  'of a fallback that has expired': ['expired', claims({ exp: NOW - 120 }, OTHER)],
  'without an end': ['invalid_claims', claims({ exp: undefined })],
  'whose end is text': ['invalid_claims', claims({ exp: String(NOW + 600) })],
  'whose end is true': ['invalid_claims', claims({ exp: true })],
  'whose end is null': ['invalid_claims', claims({ exp: null })],
  'whose end is a list': ['invalid_claims', claims({ exp: [NOW + 600] })],
  'that begins later': ['invalid_claims', claims({ nbf: NOW + 600 })],
  'that begins at a text': ['invalid_claims', claims({ nbf: '1' })],
  'that will be signed later': ['invalid_claims', claims({ iat: NOW + 600 })],
  'that was signed at null': ['invalid_claims', claims({ iat: null })],
  'of another issuer': ['invalid_claims', claims({ iss: 'else' })],
  'of a list of issuers': ['invalid_claims', claims({ iss: ['shop'] })],
  'of no issuer': ['invalid_claims', claims({ iss: undefined })],
  'for others': ['invalid_claims', claims({ aud: ['else'] })],
  'for a part of us': ['invalid_claims', claims({ aud: 'sho' })],
  'for a list in a list': ['invalid_claims', claims({ aud: [['shop']] })],
  'for nobody': ['invalid_claims', claims({ aud: undefined })],
};

describe.each(crew.members)('$title', (member) => {
  const verify = (token: string) => member.ask({ op: 'verify', name: 'ours', token, rules: RULES });

  it.each(Object.entries(ACCEPTED))('accepts a token %s', async (_, token) => {
    expect(await verify(token)).toMatchObject({ claims: { sub: 'ada' } });
  });

  it.each(Object.entries(REFUSED))('refuses a token %s', async (_, [code, token]) => {
    const { error, ...rest } = await verify(token);
    expect(rest).toEqual({ code });
    const shown = [...token.split('.').filter((part) => part.length > 8), KEY, OTHER, SIGNATURE];
    expect(shown.filter((secret) => error?.includes(secret))).toEqual([]);
  });

  // Go cannot read such a number at all
  it.each(['exp', 'nbf', 'iat'])('refuses a token whose %s is beyond all numbers', async (name) => {
    const payload = JSON.stringify({ ...CLAIMS, [name]: 'N' }).replace('"N"', `1${'0'.repeat(400)}`);
    const { code } = await verify(mint({ payload, key: KEY }));
    expect(['malformed', 'invalid_claims']).toContain(code);
  });

  it('lets neither a time nor a name be set by whoever asks for a token', async () => {
    const asked = { sub: 'ada', exp: NOW + 9e9, iat: 1, iss: 'else', aud: 'else' };
    const { token = '' } = await member.ask({ op: 'sign', name: 'ours', claims: asked, ttl: 60, rules: RULES });
    const { claims } = await verify(token);
    expect(claims).toMatchObject({ sub: 'ada', iss: 'shop', aud: 'shop' });
    expect(claims!.exp - claims!.iat!).toBe(60);
  });

  it.each([0, -1])('signs nothing for %s seconds', async (ttl) => {
    expect((await member.ask({ op: 'sign', name: 'ours', claims: {}, ttl })).error).toMatch(/ttl/i);
  });

  it.each([
    ['issuer', { issuer: '' }],
    ['audience', { audience: '' }],
    ['leeway', { leewaySeconds: -1 }],
    ['leeway', { leewaySeconds: 3601 }],
  ])('names the rule that it cannot use: %s', async (name, rules) => {
    const { error } = await member.ask({ op: 'verify', name: 'ours', token: GOOD, rules });
    expect(error?.toLowerCase()).toContain(name);
  });

  it('takes tokens of the pinned algorithm alone, whatever JWT_ALGORITHM says', async () => {
    const env = { JWT_SECRET_KEY: KEY, JWT_ALGORITHM: 'HS512' };
    await member.ask({ op: 'load', name: 'pinned', env, algorithm: 'HS256' });
    expect(await member.ask({ op: 'verify', name: 'pinned', token: GOOD })).toMatchObject({ claims: { sub: 'ada' } });
    const other = mint({ header: { alg: 'HS512' }, payload: CLAIMS, key: KEY, hash: 'sha512' });
    expect(await member.ask({ op: 'verify', name: 'pinned', token: other })).toMatchObject({ code: 'malformed' });
  });

  it.each(['HS384', 'HS512'] as const)('takes tokens of %s alone where JWT_ALGORITHM says so', async (alg) => {
    const hash = `sha${alg.slice(2)}` as 'sha384' | 'sha512';
    await member.ask({ op: 'load', name: alg, env: { JWT_SECRET_KEY: KEY, JWT_ALGORITHM: alg } });
    const { token = '' } = await member.ask({ op: 'sign', name: alg, claims: { sub: 'ada' }, ttl: 60 });
    const ours = mint({ header: { alg }, payload: CLAIMS, key: KEY, hash });
    for (const good of [token, ours]) {
      expect(await member.ask({ op: 'verify', name: alg, token: good })).toMatchObject({ claims: { sub: 'ada' } });
    }
    expect(await member.ask({ op: 'verify', name: alg, token: GOOD })).toMatchObject({ code: 'malformed' });
  });
});
