/**
 * Searches for keys by their fingerprints in texts, lists, JSON, base64 and gzip, also nested, as Helm keeps its
 * releases.
 */
import { gunzipSync } from 'node:zlib';
import { fingerprintOf, KeyMaterial, MIN_KEY_BYTES } from './keys.ts';

/** A word between separators of YAML, JSON, .env files and lists. Padding does not matter. */
const WORD = new RegExp(`[^\\s"'\`,;:=<>(){}[\\]\\\\|@&?#]{${MIN_KEY_BYTES},}`, 'g');
const BASE64 = /^[A-Za-z0-9+/_-]{43,}={0,2}$/;
/** JSON in gzip in base64 in base64 is four. */
const MAX_DEPTH = 6;
const MAX_UNPACKED_BYTES = 16 * 1024 * 1024;
/** Takes a second or two. */
const MAX_WORDS = 100_000;

/** Searches texts for burnt keys in the forms in which people keep them. */
export class KeySearch {
  readonly #fingerprints: ReadonlySet<string>;
  #wordsLeft = MAX_WORDS;

  /** @param fingerprints those of short keys are ignored: they show too little to recognize a key */
  constructor(fingerprints: readonly string[]) {
    this.#fingerprints = new Set(fingerprints.filter((fingerprint) => !fingerprint.startsWith('weak-')));
  }

  /** Whether the search stopped at its limit. */
  get exhausted(): boolean {
    return this.#wordsLeft <= 0;
  }

  /**
   * @param content a Buffer is overwritten
   * @returns whether one of the keys is somewhere in it
   */
  finds(content: string | Buffer): boolean {
    return this.#inBytes(typeof content === 'string' ? Buffer.from(content) : content, 0);
  }

  #inBytes(bytes: Buffer, depth: number): boolean {
    try {
      if (depth > MAX_DEPTH || bytes.length < MIN_KEY_BYTES) return false;
      if (bytes[0] === 0x1f && bytes[1] === 0x8b) return this.#inBytes(unpacked(bytes), depth + 1);
      return this.#isKey(bytes) || this.#inText(bytes.toString('utf8'), depth);
    } finally {
      bytes.fill(0);
    }
  }

  #inText(text: string, depth: number): boolean {
    const parsed = /^\s*[[{"]/.test(text) ? parse(text) : undefined;
    if (parsed !== undefined) return this.#inJson(parsed, depth + 1);
    for (const [word] of text.matchAll(WORD)) {
      if (this.#isKey(Buffer.from(word))) return true;
      if (BASE64.test(word) && this.#inBytes(Buffer.from(word, 'base64'), depth + 1)) return true;
      if (this.exhausted) return false;
    }
    return false;
  }

  #inJson(value: unknown, depth: number): boolean {
    if (typeof value === 'string') return this.#inBytes(Buffer.from(value), depth);
    if (typeof value !== 'object' || value === null) return false;
    return Object.values(value).some((item) => this.#inJson(item, depth));
  }

  #isKey(bytes: Buffer): boolean {
    this.#wordsLeft -= 1;
    return !this.exhausted && this.#fingerprints.has(fingerprintOf(new KeyMaterial(bytes)));
  }
}

function unpacked(bytes: Buffer): Buffer {
  try {
    return gunzipSync(bytes, { maxOutputLength: MAX_UNPACKED_BYTES });
  } catch {
    return Buffer.alloc(0);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
