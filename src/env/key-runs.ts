/** Finds pieces of keys in what another program prints, in usual encodings, also where lines end within a piece. */
import type { KeyMaterial } from '../rotation/secret/keys.ts';

/** Characters or bytes of a key that make a piece. A shorter piece may stand in any text. */
const PIECE = 8;
const PIECE_BASE64 = 10;
/** Of a key that is shorter than a piece, all of it, unless it is shorter than this. */
const SHORTEST = 4;

/** Pieces by their length. */
type Pieces = ReadonlyMap<number, ReadonlySet<string>>;

/**
 * @returns whether a text has a piece of a key as it is, in base64, hex or decimal bytes, as `fold`, `base64`, `xxd`, `hexdump`,
 *   `od -x` and a Buffer in JSON print it, in lines of any length and with any signs between
 */
export function runFinder(keys: readonly KeyMaterial[]): (text: string) => boolean {
  const asIs = piecesOf(keys.flatMap((key) => key.use((bytes) => [...textPieces(bytes), ...base64Pieces(bytes)])));
  const inHex = piecesOf(keys.flatMap((key) => key.use(hexPieces)));
  return (text) => {
    const joined = bare(text);
    const inNumbers = [joined.replaceAll(/[^0-9A-Fa-f]/g, ''), ...dumped(text), ...decimals(text)];
    return has(asIs, joined) || inNumbers.some((hex) => has(inHex, hex.toLowerCase()));
  };
}

function piecesOf(pieces: readonly string[]): Pieces {
  const byLength = Map.groupBy(pieces, ({ length }) => length);
  return new Map([...byLength].map(([length, alike]) => [length, new Set(alike)]));
}

function has(pieces: Pieces, text: string): boolean {
  return [...pieces].some(([length, known]) => {
    for (let at = 0; at + length <= text.length; at += 1) if (known.has(text.slice(at, at + length))) return true;
    return false;
  });
}

/** @returns each part of this length, or the whole text if it is shorter */
function windows(text: string, length: number, step = 1): readonly string[] {
  const size = Math.min(length, text.length);
  const count = Math.floor((text.length - size) / step) + 1;
  return Array.from({ length: count }, (_, i) => text.slice(i * step, i * step + size));
}

function textPieces(bytes: Buffer): readonly string[] {
  const text = bare(bytes.toString('utf8'));
  return text.length < SHORTEST ? [] : windows(text, PIECE);
}

/** In the middle of a file, base64 may begin with each of the first three bytes. */
function base64Pieces(bytes: Buffer): readonly string[] {
  return [0, 1, 2].flatMap((from) => {
    const whole = bytes.subarray(from, from + Math.floor(Math.max(0, bytes.length - from) / 3) * 3);
    const forms = [whole.toString('base64'), whole.toString('base64url')];
    return forms.filter(({ length }) => length >= PIECE).flatMap((form) => windows(form, PIECE_BASE64));
  });
}

/** Byte by byte, and as words of two bytes, the lower one first. */
function hexPieces(bytes: Buffer): readonly string[] {
  if (bytes.length < SHORTEST) return [];
  const swapped = [0, 1].map((from) => {
    const even = bytes.subarray(from, from + Math.floor((bytes.length - from) / 2) * 2);
    return Buffer.from(even).swap16().toString('hex');
  });
  return [bytes.toString('hex'), ...swapped].flatMap((hex) => windows(hex, 2 * PIECE, 2));
}

/** Letters and digits of all scripts, and the signs of base64: what else is there may stand between any two of them. */
function bare(text: string): string {
  return text.replaceAll(/[^\p{L}\p{N}+/_-]+/gu, '');
}

/** Lists of decimal bytes, in hex. */
function decimals(text: string): readonly string[] {
  const lists = text.match(/\d{1,3}(?:[^0-9A-Za-z]+\d{1,3}){7,}/g) ?? [];
  return lists.map((list) => Buffer.from((list.match(/\d+/g) ?? []).map(Number)).toString('hex'));
}

/** The columns of hex of a dump, joined: with one space between them as of xxd, and with two as of `hexdump -C`. */
function dumped(text: string): readonly string[] {
  const column = [
    /^\s*[0-9a-f]{4,16}:?\s+((?:[0-9a-f]{2,16} ?)+)/i,
    /^\s*[0-9a-f]{4,16}:?\s+((?:[0-9a-f]{2,16} {0,2})+)/i,
  ];
  const lines = text.split('\n');
  return column.map((shape) => lines.map((line) => shape.exec(line)?.[1]?.replaceAll(' ', '') ?? '').join(''));
}
