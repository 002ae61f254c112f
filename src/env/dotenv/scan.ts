/**
 * Steps over the bytes of a .env file.
 */
export const [NEWLINE, RETURN, SPACE, HASH, EQUALS, COLON, BACKSLASH] = [10, 13, 32, 35, 61, 58, 92] as const;
const NAME_BYTES = new Set(Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-'));

/** @returns where the line ends, before its line break */
export function lineEnd(bytes: Buffer, from: number): number {
  const newline = bytes.indexOf(NEWLINE, from);
  if (newline === -1) return bytes.length;
  return newline > from && bytes[newline - 1] === RETURN ? newline - 1 : newline;
}

/** @returns whether a name may have this byte */
export const isName = (byte: number | undefined): boolean => byte !== undefined && NAME_BYTES.has(byte);

/** @returns the name that begins here; empty if there is none */
export function nameAt(bytes: Buffer, at: number, end: number): string {
  let stop = at;
  while (stop < end && NAME_BYTES.has(bytes[stop] ?? 0)) stop += 1;
  return bytes.toString('latin1', at, stop);
}

/** @returns whether it is a space or a tab */
export const isBlank = (byte: number | undefined): boolean => byte === 32 || byte === 9;

/** @returns where the blanks end, `end` at the latest */
export function skipBlanks(bytes: Buffer, at: number, end: number): number {
  let next = at;
  while (next < end && isBlank(bytes[next])) next += 1;
  return next;
}

/** @returns how often the byte occurs */
export function countOf(bytes: Buffer, wanted: number): number {
  return bytes.reduce((count, byte) => (byte === wanted ? count + 1 : count), 0);
}

/** A carriage return alone, and the line and paragraph separators of Unicode. */
const STRANGE_BREAKS = ['\r', '\u2028', '\u2029'].map((text) => Buffer.from(text));

/** @returns whether it contains something that only some readers take for a line break */
export function hasStrangeBreak(bytes: Buffer): boolean {
  return STRANGE_BREAKS.some((each) => bytes.includes(each));
}
