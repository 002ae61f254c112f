/** A key that stands in the Secret under a name that the spec does not know: a rotation would leave it there. */
import { describe, expect, it } from 'vitest';
import type { Secret } from '../../../../src/kube/types.ts';
import { everyFinding } from '../../../../src/rotation/plan/policies/preflight.ts';
import { readSecret } from '../../../../src/rotation/secret/secret.ts';
import { facts, STEADY } from '../builders.ts';

const KEY = '0123456789abcdef'.repeat(4);
const base64 = (text: string) => Buffer.from(text).toString('base64');
const NAMES = {
  ...{ secretName: 'jwt', signingNames: ['JWT_SECRET_KEY', 'JWT_SECRET'], fallbacksName: 'JWT_SECRET_KEY_FALLBACKS' },
  ...{ previousName: '', jwksName: '', layouts: [], algorithm: 'HS256' as const },
};
const secretWith = (data: Readonly<Record<string, string>>): Secret => ({
  metadata: { namespace: 'shop', name: 'jwt' },
  data: Object.fromEntries(Object.entries(data).map(([name, value]) => [name, base64(value)])),
});
const read = (data: Readonly<Record<string, string>>) =>
  readSecret(secretWith({ JWT_SECRET_KEY: KEY, SMTP_PASSWORD: 'x'.repeat(40), ...data }), NAMES);

describe('a Secret that is not taken over yet', () => {
  it.each([
    ['the key under another name', { SECRET_KEY: KEY }, 'SECRET_KEY'],
    ['the key in a file', { 'config.yaml': `jwt:\n  secret: "${KEY}"\n` }, 'config.yaml'],
    ['a fallback under another name', { JWT_SECRET_KEY_FALLBACKS: 'f'.repeat(64), OLD: 'f'.repeat(64) }, 'OLD'],
  ])('is refused with %s', (_, data, name) => {
    const found = read(data as Readonly<Record<string, string>>);
    expect(found).toMatchObject({ kind: 'Refused', finding: { reason: 'KeyCopied' } });
    expect(JSON.stringify(found)).toContain(`data key ${name} holds a key too`);
    expect(JSON.stringify(found)).not.toContain(KEY);
  });

  it.each([
    ['other values', {}],
    ['the key under a name of the spec', { JWT_SECRET: KEY }],
    ['part of the key', { HINT: KEY.slice(0, 12) }],
  ])('is taken over with %s', (_, data) => {
    expect(read(data as Readonly<Record<string, string>>).kind).toBe('Unmanaged');
  });
});

describe('a Secret that is taken over', () => {
  it('starts no rotation while somebody has put the key beside it', () => {
    const copied = { ...facts(STEADY), copies: ['SECRET_KEY'] };
    expect(everyFinding(copied, false)).toMatchObject([{ reason: 'KeyCopied' }]);
  });
});
