/**
 * Keys as a JSON array of strings (RFC 8259 section 5).
 */
import { KeyMaterial } from './keys.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
/** Characters below this are control characters, which JSON strings must escape. */
const SPACE = 0x20;

/** @returns the keys as {@link jsonArrayIn} reads them, in base64 */
export function jsonArrayOf(keys: readonly KeyMaterial[]): string {
  const strings = keys.map((key) => key.use(quoted));
  const parts = strings.flatMap((string, i) => (i === 0 ? [string] : [Buffer.from(','), string]));
  const array = Buffer.concat([Buffer.from('['), ...parts, Buffer.from(']')]);
  try {
    return array.toString('base64');
  } finally {
    for (const bytes of [array, ...strings]) bytes.fill(0);
  }
}

/** UTF-8 bytes as a JSON string. Written by hand, since a string cannot be overwritten. */
function quoted(bytes: Buffer): Buffer {
  const escaped = [...bytes].flatMap((byte) => {
    if (byte === QUOTE || byte === BACKSLASH) return [BACKSLASH, byte];
    return byte < SPACE ? [...Buffer.from(`\\u${byte.toString(16).padStart(4, '0')}`)] : [byte];
  });
  const string = Buffer.from([QUOTE, ...escaped, QUOTE]);
  escaped.fill(0);
  return string;
}

/**
 * @param array overwritten
 * @returns the keys in their order; undefined if it is not an array of strings. As with a JWK set, the parser's own
 *   strings cannot be overwritten
 */
export function jsonArrayIn(array: Buffer): readonly KeyMaterial[] | undefined {
  try {
    const found: unknown = JSON.parse(array.toString());
    if (!Array.isArray(found) || !found.every((item) => typeof item === 'string')) return undefined;
    return found.map((text) => new KeyMaterial(Buffer.from(text)));
  } catch {
    return undefined;
  } finally {
    array.fill(0);
  }
}
