/** What is shown of a key: enough to tell it from others, and less where that would confirm a guess. */
import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { fingerprintOf, KeyMaterial, newKey } from '../../../../src/rotation/secret/keys.ts';

const print = (text: string) => fingerprintOf(new KeyMaterial(Buffer.from(text)));
const STRONG = /^[0-9a-f]{16}$/;
const WEAK = /^weak-[0-9a-f]{4}$/;

describe('a fingerprint', () => {
  it.each([
    ['31 characters at random', randomBytes(16).toString('hex').slice(1)],
    ['one character', 'a'.repeat(64)],
    ['a word again and again', 'changeme'.repeat(8)],
    ['a word again and again, cut off', 'changeme'.repeat(8).slice(0, 61)],
    ['digits in order', '1234567890'.repeat(4)],
    ['a placeholder', 'xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx'],
    ['two characters, without a period', '0110100110010110100101100110100110010110011010010110'],
  ])('of %s is cut to 16 bits', (_, key) => expect(print(key)).toMatch(WEAK));

  it('of megabytes costs no more than of a key', () => {
    expect(print('a'.repeat(4_000_000).concat('b'))).toMatch(WEAK);
    expect(print(randomBytes(4_000_000).toString('hex'))).toMatch(STRONG);
  });

  it.each([16, 24, 32, 64])('of %i random bytes in hexadecimal is whole', (bytes) => {
    for (let i = 0; i < 500; i++) expect(print(randomBytes(bytes).toString('hex'))).toMatch(STRONG);
  });

  it('of keys that rekey makes is whole, and of each another', () => {
    const prints = Array.from({ length: 500 }, () => newKey(32).fingerprint);
    expect(prints.every((each) => STRONG.test(each))).toBe(true);
    expect(new Set(prints).size).toBe(500);
  });

  it('of random base64 is whole', () => {
    for (let i = 0; i < 500; i++) expect(print(randomBytes(24).toString('base64'))).toMatch(STRONG);
  });
});
