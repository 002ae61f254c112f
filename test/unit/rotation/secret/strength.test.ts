import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { KeyMaterial } from '../../../../src/rotation/secret/keys.ts';
import { weaknessOf } from '../../../../src/rotation/secret/strength.ts';

const judged = (text: string) => weaknessOf(new KeyMaterial(Buffer.from(text)));

describe('what a key is worth', () => {
  it.each([
    '<path:secret/data/jwt#key>',
    '<path:avp/data/production/authentication#signing-key>',
    '$' + '{JWT_SECRET}',
    '$' + '{JWT_SECRET:-none-was-given-so-this-is-what-you-get}',
    '$(JWT_SECRET)',
    '$JWT_SECRET',
    '{{ .Values.jwt.secret }}',
    '%JWT_SECRET%',
    '__JWT_SECRET__',
    'vault:secret/data/jwt#key',
    'op://production/jwt/key',
    'ref+vault://secret/jwt#/key',
    'changeme',
    'changeme-changeme-changeme-changeme',
    'CHANGE_ME_IN_PRODUCTION_PLEASE_0000000',
    'REPLACE_ME_WITH_A_LONG_RANDOM_STRING',
    'your-super-secret-jwt-key-change-in-production',
    'your-256-bit-secret',
    'my-super-secret-key-for-jwt-tokens-2024',
    'a-string-secret-at-least-256-bits-long',
    'django-insecure-placeholder-key-for-tests',
    // of documentation that everybody reads
    '09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7',
    '404E635266556A586E3272357538782F413F4428472B4B6250645367566B5970',
  ])('nothing, if it is publicly known: %s', (text) => {
    expect(judged(text)).toBe('PubliclyKnown');
  });

  it.each([
    'short',
    'qwertyuiopasdfghjklzxcvbnm1234567890',
    'secretsecretsecretsecretsecretsecret',
    'correct horse battery staple correct',
    'a'.repeat(64),
  ])('little, if it can be guessed: %s', (text) => {
    expect(judged(text)).toBe('Guessable');
  });

  it('enough, if it was drawn at random, in whatever form', () => {
    const drawn = (bytes: number, encoding: BufferEncoding) => randomBytes(bytes).toString(encoding);
    for (let i = 0; i < 20; i += 1) {
      expect(judged(drawn(32, 'hex'))).toBeUndefined();
      expect(judged(drawn(16, 'hex'))).toBeUndefined();
      expect(judged(drawn(32, 'base64'))).toBeUndefined();
      expect(judged(drawn(48, 'base64url'))).toBeUndefined();
    }
  });

  it('enough, if only what stands before it is a word', () => {
    expect(judged(`my-secret-key-${randomBytes(32).toString('hex')}`)).toBeUndefined();
  });

  it('is judged by its beginning: megabytes are no more work', () => {
    for (const letter of ['a', '{{', '${', 'aB3/']) expect(judged(letter.repeat(1 << 20))).not.toBe('PubliclyKnown');
    expect(judged(randomBytes(1 << 20).toString('hex'))).toBeUndefined();
  });
});
