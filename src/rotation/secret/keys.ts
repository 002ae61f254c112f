/** Key material: generated here, and held so that it cannot be printed by accident. */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { inspect } from 'node:util';
import type { Kid } from '../keyset/keyset.ts';
import type { FreshKey } from '../keyset/writes.ts';

const REDACTED = '[redacted]';
const HEX = '0123456789abcdef';

/** RFC 7518 section 3.2: an HS256 key has at least 256 bits. */
export const MIN_KEY_BYTES = 32;

/** The bytes of one key as services use them for HMAC: the UTF-8 bytes of its text. Every way of printing it is closed. */
export class KeyMaterial {
  readonly #bytes: Buffer;

  /** @param bytes kept, not copied */
  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Lends the bytes. The callee keeps no reference. */
  use<T>(callee: (bytes: Buffer) => T): T {
    return callee(this.#bytes);
  }

  equals(other: KeyMaterial): boolean {
    return other.#bytes.length === this.#bytes.length && timingSafeEqual(other.#bytes, this.#bytes);
  }

  /** Overwrites the bytes. The key is unusable afterwards. */
  destroy(): void {
    this.#bytes.fill(0);
  }

  /** For `using`: overwrites the bytes at the end of the block. */
  [Symbol.dispose](): void {
    this.destroy();
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}

/** @returns a new key of `bytes` random bytes as lower-case hex, without white space and safe in .env files and YAML */
export function generateKey(bytes: number): KeyMaterial {
  const drawn = randomBytes(bytes);
  const text = Buffer.alloc(bytes * 2);
  // written by hand, since a string cannot be overwritten
  for (const [i, byte] of drawn.entries()) {
    text[2 * i] = HEX.charCodeAt(byte >> 4);
    text[2 * i + 1] = HEX.charCodeAt(byte & 15);
  }
  drawn.fill(0);
  return new KeyMaterial(text);
}

/** @returns a random key id: derived from nothing (RFC 7638 section 7) */
export function newKid(): Kid {
  return `k-${randomBytes(4).toString('hex')}`;
}

/** Far below the estimate for 32 random hexadecimal characters, far above that for a repeated word. */
const MIN_ESTIMATED_BITS = 80;
/** Values that are searched after an emergency may be megabytes long; the first bytes are enough. */
const MAX_JUDGED_BYTES = 256;

/**
 * @returns whether the key is too short, has few different characters, or repeats a short text. This is an estimate: it
 *   does not recognize a long sentence
 */
export function isGuessable(key: Buffer): boolean {
  if (key.length < MIN_KEY_BYTES) return true;
  const judged = key.subarray(0, MAX_JUDGED_BYTES);
  const period = periodOf(judged);
  return bitsOfByte(judged.subarray(0, period)) * period < MIN_ESTIMATED_BITS;
}

/** @returns the length after which the bytes repeat; the whole length if they do not */
function periodOf(bytes: Buffer): number {
  for (let period = 1; period <= bytes.length / 2; period += 1) {
    let i = period;
    while (i < bytes.length && bytes[i] === bytes[i - period]) i += 1;
    if (i === bytes.length) return period;
  }
  return bytes.length;
}

/** @returns Shannon's entropy of one byte, in bits, by how often each occurs */
function bitsOfByte(bytes: Buffer): number {
  const counts = new Map<number, number>();
  for (const byte of bytes) counts.set(byte, (counts.get(byte) ?? 0) + 1);
  const shares = [...counts.values()].map((count) => count / bytes.length);
  return shares.reduce((bits, share) => bits - share * Math.log2(share), 0);
}

/**
 * Identifies a key without revealing it: HMAC-SHA-256(key, label) cut to 64 bits. For a guessable key it has only 16
 * bits, since more would let readers confirm a guess.
 */
export function fingerprintOf(key: KeyMaterial): string {
  return key.use((bytes) => {
    const digest = createHmac('sha256', bytes).update('rekey.dev/fingerprint/v1').digest('hex');
    return isGuessable(bytes) ? `weak-${digest.slice(0, 4)}` : digest.slice(0, 16);
  });
}

/** @returns the fingerprints of keys, whose bytes are overwritten then */
export function fingerprintsOf(keys: readonly KeyMaterial[]): readonly string[] {
  try {
    return keys.map(fingerprintOf);
  } finally {
    destroyAll(keys);
  }
}

/** So many of a list are looked at: a Secret has room for a hundred thousand, and nobody else is served meanwhile. */
export const MOST_KEYS = 64;

/** @returns the beginning of a list; the bytes of the others are overwritten */
export function firstOf(keys: readonly KeyMaterial[]): readonly KeyMaterial[] {
  destroyAll(keys.slice(MOST_KEYS));
  return keys.slice(0, MOST_KEYS);
}

/** Overwrites the bytes of all these keys except those in `kept`. */
export function destroyAll(keys: Iterable<KeyMaterial>, kept: readonly KeyMaterial[] = []): void {
  for (const key of keys) if (!kept.includes(key)) key.destroy();
}

/** @returns each key once, the first of equal ones; the bytes of the others are overwritten */
export function distinct(keys: readonly KeyMaterial[]): readonly KeyMaterial[] {
  const first = keys.filter((key, i) => keys.findIndex((other) => other.equals(key)) === i);
  destroyAll(keys.filter((key) => !first.includes(key)));
  return first;
}

export interface NamedKey extends FreshKey {
  readonly material: KeyMaterial;
}

/** @returns a new key with its name and fingerprint */
export function newKey(bytes: number): NamedKey {
  return nameKey(generateKey(bytes));
}

/** Gives a key its id and its fingerprint. @param kid the one that it has already */
export function nameKey(material: KeyMaterial, kid: Kid = newKid()): NamedKey {
  return { kid, fingerprint: fingerprintOf(material), material };
}
