/**
 * Key material: made here, and held so that it cannot be printed by accident.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { inspect } from 'node:util';
import type { Kid } from '../keyset/keyset.ts';
import type { FreshKey } from '../keyset/transition.ts';

const REDACTED = '[redacted]';
const HEX = '0123456789abcdef';

/** RFC 7518 section 3.2: an HS256 key has at least 256 bits. */
export const MIN_KEY_BYTES = 32;

/** The bytes of one key as services use them for HMAC: the UTF-8 bytes of its text. Every way of printing it is closed. */
export class KeyMaterial {
  readonly #bytes: Buffer;

  /** @param bytes taken over, not copied */
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

  /** For `using`: the bytes are gone with the block that they were needed in. */
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

/** @returns a new key of `bytes` random bytes, written as lower-case hex: free of white space, safe in .env files and YAML */
export function generateKey(bytes: number): KeyMaterial {
  const drawn = randomBytes(bytes);
  const text = Buffer.alloc(bytes * 2);
  // by hand, since a string cannot be overwritten
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

/**
 * Tells keys apart without telling them: HMAC-SHA-256(key, label) cut to 64 bits. Of a key that is too short to be safe
 * from guessing only 16 bits are shown.
 */
export function fingerprintOf(key: KeyMaterial): string {
  return key.use((bytes) => {
    const digest = createHmac('sha256', bytes).update('rekey.dev/fingerprint/v1').digest('hex');
    return bytes.length < MIN_KEY_BYTES ? `weak-${digest.slice(0, 4)}` : digest.slice(0, 16);
  });
}

/** @returns the fingerprints of keys that are needed for nothing else: their bytes are overwritten */
export function fingerprintsOf(keys: readonly KeyMaterial[]): readonly string[] {
  try {
    return keys.map(fingerprintOf);
  } finally {
    destroyAll(keys);
  }
}

/** Overwrites the bytes of all these keys, of all but `kept` if that is given. */
export function destroyAll(keys: Iterable<KeyMaterial>, kept?: KeyMaterial): void {
  for (const key of keys) if (key !== kept) key.destroy();
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

/** Gives a key its id and its fingerprint. */
export function nameKey(material: KeyMaterial): NamedKey {
  return { kid: newKid(), fingerprint: fingerprintOf(material), material };
}
