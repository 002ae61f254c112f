/** Finds the end of a value, and its quotes. */
import { closesOnItsLine } from './balance.ts';
import { QUOTE_BYTES, type Quote } from './literal.ts';
import { BACKSLASH, HASH, isBlank, lineEnd, skipBlanks } from './scan.ts';

export interface ReadValue {
  readonly quote: Quote;
  readonly valueEnd: number;
  /** The end of its last line. */
  readonly end: number;
  /** Why readers differ on the value. */
  readonly ambiguous?: string;
  /** Why they differ on where it ends, and so on everything after it. */
  readonly torn?: string;
  /** Why they differ on the whole file. */
  readonly foreign?: string;
}

const COMMENT = 'some readers take the comment behind it for a part of it; give the comment a line of its own';

/** @param at where the value begins, after the `=` and blanks @param line its number, for messages */
export function readValue(bytes: Buffer, at: number, line: number): ReadValue {
  const quote = quoteAt(bytes, at);
  if (quote === 'none') return readBare(bytes, at, line);
  const close = bytes.indexOf(QUOTE_BYTES[quote], at + 1);
  const end = lineEnd(bytes, Math.max(close, at));
  const isOneLine = close !== -1 && end === lineEnd(bytes, at);
  const isEscaped = close - 1 > at && bytes[close - 1] === BACKSLASH;
  const after = skipBlanks(bytes, close + 1, end);
  const hasComment = after < end && bytes[after] === HASH && after > close + 1;
  if (close === -1 || isEscaped || (quote === 'backtick' && !isOneLine)) {
    const bare = { ...readBare(bytes, at, line), ambiguous: 'its quotes are not closed, or are in it too' };
    return quote === 'double' || close === -1 ? bare : { ...bare, torn: openQuote(line) };
  }
  if (after === end) return { quote, valueEnd: close + 1, end };
  if (hasComment) return { quote, valueEnd: close + 1, end, ambiguous: COMMENT };
  const ambiguous = 'something stands behind its quotes';
  return { ...readBare(bytes, at, line), ambiguous, foreign: `line ${line} has something behind a quoted value` };
}

const openQuote = (line: number): string => `a quote in line ${line} is not closed there, for some readers`;

/** Also reads a value that begins with a quote but has no clear end. */
function readBare(bytes: Buffer, at: number, line: number): ReadValue {
  const end = lineEnd(bytes, at);
  const rest = bytes.subarray(at, end);
  const hash = rest.findIndex((byte, i) => byte === HASH && (i === 0 || isBlank(rest[i - 1])));
  let valueEnd = hash === -1 ? end : at + hash;
  while (valueEnd > at && isBlank(bytes[valueEnd - 1])) valueEnd -= 1;
  const torn = closesOnItsLine(rest) ? {} : { torn: openQuote(line) };
  if (at === end && isBlank(bytes[at - 1])) {
    const ambiguous = 'some readers take the next line for its value; remove the blanks behind `=`';
    return { quote: 'none', valueEnd, end, ambiguous, torn: `line ${line} has blanks and no value behind \`=\`` };
  }
  return { quote: 'none', valueEnd, end, ...torn, ...(hash !== -1 && { ambiguous: COMMENT }) };
}

function quoteAt(bytes: Buffer, at: number): Quote {
  if (bytes[at] === QUOTE_BYTES.single) return 'single';
  if (bytes[at] === QUOTE_BYTES.double) return 'double';
  return bytes[at] === QUOTE_BYTES.backtick ? 'backtick' : 'none';
}
