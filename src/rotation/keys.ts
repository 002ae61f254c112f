/**
 * Key material: made here, and held so that it cannot be printed by accident.
 */
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { inspect } from 'node:util';
import type { Kid } from './keyset.ts';
import type { FreshKey } from './transition.ts';

const REDACTED = '[redacted]';

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
  return new KeyMaterial(Buffer.from(randomBytes(bytes).toString('hex'), 'latin1'));
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
