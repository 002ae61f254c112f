import { jwtVerify } from 'jose';
import { describe, expect, it } from 'vitest';
import { signCanary } from '../../../../src/rotation/secret/canary.ts';
import { newKey } from '../../../../src/rotation/secret/keys.ts';
import { claimsOf } from '../../../../src/rotation/settings/canary-settings.ts';

const TOKENS = { algorithm: 'HS256', clockSkewMs: 60_000, claims: {} } as const;

describe('a canary token', () => {
  it.each(['HS256', 'HS384', 'HS512'] as const)('is a valid %s JWT that lives half a minute', async (algorithm) => {
    const { material, kid } = newKey(64);
    const claims = claimsOf({ issuer: 'me', audience: 'you', claims: { tenant: 't' } });
    const token = signCanary(material, kid, { algorithm, clockSkewMs: 0, claims }, Date.now());
    const key = material.use((bytes) => Uint8Array.from(bytes));
    const { payload, protectedHeader } = await jwtVerify(token, key, {
      issuer: 'me',
      audience: 'you',
      algorithms: [algorithm],
    });
    expect(payload).toMatchObject({ sub: 'rekey-canary', tenant: 't' });
    expect((payload.exp ?? 0) - Math.floor(Date.now() / 1000)).toBeLessThanOrEqual(30);
    expect(protectedHeader.kid).toBe(kid);
  });

  it.each([-60, 60])('is valid by a clock that is off by %d s, where the skew is 60 s', async (offSeconds) => {
    const { material, kid } = newKey(32);
    const token = signCanary(material, kid, TOKENS, Date.now());
    const key = material.use((bytes) => Uint8Array.from(bytes));
    const currentDate = new Date(Date.now() + offSeconds * 1000);
    // strict: no leeway, and no token from the future
    const { payload } = await jwtVerify(token, key, { currentDate, clockTolerance: 0, maxTokenAge: '4m' });
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBeLessThanOrEqual(2 * 60 + 35);
  });

  it('is unlike the one before', () => {
    const { material, kid } = newKey(32);
    expect(signCanary(material, kid, TOKENS, 0)).not.toBe(signCanary(material, kid, TOKENS, 0));
  });

  it('has claims of any JSON, the subject and the id of the token among them, and keeps its times to itself', () => {
    const { material, kid } = newKey(32);
    const wished = { sub: 'user-7', jti: 'fixed', aud: ['a', 'b'], roles: ['admin'], level: 3, deep: { on: true } };
    const token = signCanary(material, kid, { ...TOKENS, claims: { ...wished, exp: 9e9, iat: 1 } }, 1_000_000);
    const payload = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());
    expect(payload).toEqual({ ...wished, iat: 1_000 - 60 - 5, exp: 1_000 + 60 + 30 });
  });
});
