/**
 * How readers take the text of a value: which texts all readers take for the same bytes, bare or in quotes.
 * test/unit/env/readers.test.ts tries the readers; docs/reference/env-readers.md lists what they do.
 */
import { isUtf8 } from 'node:buffer';
import { BACKSLASH, hasStrangeBreak, NEWLINE } from './scan.ts';

/** How a value is written. */
export type Quote = 'none' | 'single' | 'double' | 'backtick';

/** The byte that opens and closes each kind. */
export const QUOTE_BYTES: Readonly<Record<Exclude<Quote, 'none'>, number>> = { single: 39, double: 34, backtick: 96 };

const DOLLAR = 36;
const OPENING_BRACE = 123;
/**
 * Characters that need no quotes: no reader expands, splits or cuts them. A tilde is not among them, because a shell
 * expands it.
 */
const BARE = new Set(Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./+=:,@%^'));

/**
 * @param content the value as it is written, without its quotes
 * @returns why readers take it for different values, without any byte of it; undefined if all agree
 */
export function differenceOf(quote: Quote, content: Buffer): string | undefined {
  if (quote === 'backtick') return 'it is in backticks, which are quotes for few readers, and a command for a shell';
  if (content.includes(NEWLINE) || hasStrangeBreak(content)) return 'it goes over several lines';
  if (content.some((byte) => (byte < 32 && byte !== 9) || byte === 127)) return 'it has a control character';
  if (!isUtf8(content)) return 'it is not UTF-8';
  if (quote === 'single') return singleDifference(content);
  if (quote === 'double') return doubleDifference(content);
  return content.every((byte) => BARE.has(byte)) ? undefined : 'it has characters that need quotes';
}

/**
 * @param preferred used if all readers read the value in it; else the first of bare, single and double quotes that
 *   works
 * @returns a copy of the value with its quotes; undefined if it cannot be written
 */
export function literalOf(value: Buffer, preferred: Quote): Buffer | undefined {
  const quote = ([preferred, 'none', 'single', 'double'] as const).find((each) => !differenceOf(each, value));
  if (quote === undefined) return undefined;
  if (quote === 'none' || quote === 'backtick') return Buffer.from(value);
  const around = Buffer.of(QUOTE_BYTES[quote]);
  return Buffer.concat([around, value, around]);
}

function singleDifference(content: Buffer): string | undefined {
  if (content.includes(QUOTE_BYTES.single)) return 'it has a single quote in single quotes';
  if (hasPair(content, BACKSLASH, BACKSLASH) || content.at(-1) === BACKSLASH) return 'it has an escape';
  return hasPair(content, DOLLAR, OPENING_BRACE) ? 'some readers put a variable into it' : undefined;
}

function doubleDifference(content: Buffer): string | undefined {
  if (content.includes(BACKSLASH)) return 'it has an escape';
  if (content.includes(DOLLAR)) return 'some readers put a variable into it';
  if (content.includes(QUOTE_BYTES.double)) return 'it has a double quote in double quotes';
  return content.includes(QUOTE_BYTES.backtick) ? 'a shell runs the command in it' : undefined;
}

function hasPair(content: Buffer, first: number, second: number): boolean {
  return content.some((byte, i) => byte === first && content[i + 1] === second);
}
