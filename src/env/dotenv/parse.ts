/**
 * Reads a .env file byte by byte. Readers of such files differ; a value is known here only where none of them reads other
 * bytes. A reader that refuses a file or a line aloud is not one of that file: a shell where there are spaces around `=`.
 */
import { closesOnItsLine } from './balance.ts';
import { differenceOf, QUOTE_BYTES, type Quote } from './literal.ts';

export interface Assignment {
  readonly name: string;
  /** That of the name, from 1. */
  readonly line: number;
  /** `export NAME=…`. */
  readonly exported: boolean;
  readonly quote: Quote;
  /** The value as readers take it; undefined if they differ on it, or it cannot be known. A part of the file's bytes. */
  readonly value: Buffer | undefined;
  /** Why the value is undefined, for people, without any byte of it. */
  readonly ambiguous?: string;
  /** The bytes of its line or lines; the end is before the line break. */
  readonly start: number;
  readonly end: number;
  /** The bytes of the value with its quotes. */
  readonly valueStart: number;
  readonly valueEnd: number;
}

export interface EnvFile {
  /** For messages. */
  readonly path: string;
  readonly bytes: Buffer;
  readonly bom: boolean;
  /** Of the first line that ends. */
  readonly eol: '\n' | '\r\n';
  readonly finalNewline: boolean;
  /** In the order of the file. A name may be there more than once: the last one counts, for every reader that was tried. */
  readonly assignments: readonly Assignment[];
}

/** What is wrong with a .env file, for people: the file, the line and the name, never a value. */
export class EnvError extends Error {}

/** One line, or the lines of a value in quotes. */
interface Statement {
  readonly assignment?: Assignment;
  /** Where its last line ends. */
  readonly end: number;
  /** Why readers differ on where the next line begins, and so on all that follows. */
  readonly torn?: string;
  /** Why the file as a whole is in doubt. */
  readonly foreign?: string;
}

/** Where a statement begins. */
interface Place {
  readonly bytes: Buffer;
  readonly start: number;
  readonly line: number;
}

const BOM = Buffer.from([0xef, 0xbb, 0xbf]);
/** A carriage return alone, and the line and paragraph separators of Unicode. */
const STRANGE_BREAKS = ['\r', '\u2028', '\u2029'].map((text) => Buffer.from(text));
const [NEWLINE, RETURN, HASH, EQUALS, COLON, BACKSLASH] = [10, 13, 35, 61, 58, 92];
const NAME_BYTES = new Set(Buffer.from('ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-'));

/**
 * @param bytes kept, not copied: whoever overwrites them overwrites the values
 * @param path for messages
 * @throws EnvError if it is not a text of one byte per ASCII character: UTF-16, or a NUL byte in it
 */
export function parseEnv(bytes: Buffer, path = '.env'): EnvFile {
  refuseForeign(bytes, path);
  const bom = bytes.subarray(0, 3).equals(BOM);
  const found: Assignment[] = [];
  let foreign: string | undefined;
  let torn: string | undefined;
  for (let start = bom ? 3 : 0, line = 1; start < bytes.length; ) {
    const statement = readStatement({ bytes, start, line });
    if (statement.assignment !== undefined) found.push(doubted(statement.assignment, torn ?? bomDoubt(bom, line)));
    torn ??= statement.torn;
    foreign ??= statement.foreign;
    line += countOf(bytes.subarray(start, statement.end), NEWLINE) + 1;
    start = statement.end + (bytes[statement.end] === RETURN ? 2 : 1);
  }
  const first = bytes.indexOf(NEWLINE);
  return {
    path,
    bytes,
    bom,
    eol: first > 0 && bytes[first - 1] === RETURN ? '\r\n' : '\n',
    finalNewline: bytes.at(-1) === NEWLINE,
    assignments: found.map((each) => doubted(each, foreign)),
  };
}

function refuseForeign(bytes: Buffer, path: string): void {
  const mark = bytes.subarray(0, 2).toString('hex');
  const nul = bytes.indexOf(0);
  if (mark === 'fffe' || mark === 'feff') throw new EnvError(`${path}: this is UTF-16; save it as UTF-8`);
  if (nul === -1) return;
  const line = countOf(bytes.subarray(0, nul), NEWLINE) + 1;
  throw new EnvError(`${path}: line ${line}: there is a NUL byte (the file may be UTF-16); save it as UTF-8 text`);
}

function bomDoubt(bom: boolean, line: number): string | undefined {
  return bom && line === 1 ? 'for some readers the byte order mark before it is part of its name' : undefined;
}

function doubted(assignment: Assignment, doubt: string | undefined): Assignment {
  if (doubt === undefined || assignment.ambiguous !== undefined) return assignment;
  return { ...assignment, value: undefined, ambiguous: doubt };
}

function readStatement(place: Place): Statement {
  const { bytes, start, line } = place;
  const end = lineEnd(bytes, start);
  const text = bytes.subarray(start, end);
  const hasBreak = STRANGE_BREAKS.some((each) => text.includes(each));
  const foreign = hasBreak ? `line ${line} has in its middle what is a line break for some readers` : undefined;
  const at = skipBlanks(bytes, start, end);
  if (at === end) return withDoubts({ end }, foreign);
  if (bytes[at] === HASH) {
    const isOpen = bytes[end - 1] === BACKSLASH;
    return withDoubts({ end, ...(isOpen && { torn: `the comment in line ${line} ends in a backslash` }) }, foreign);
  }
  const head = readHead(bytes, at, end);
  if (head === undefined) return withDoubts({ end }, `line ${line} is neither an assignment nor a comment`);
  if (head.valueStart === undefined) return withDoubts({ end }, foreign);
  return withDoubts(readAssignment(place, { ...head, valueStart: head.valueStart }), foreign);
}

function withDoubts(statement: Statement, foreign: string | undefined): Statement {
  return foreign === undefined ? statement : { ...statement, foreign };
}

interface Head {
  readonly name: string;
  readonly exported: boolean;
  readonly colon: boolean;
  /** Undefined if the line is a name alone. */
  readonly valueStart: number | undefined;
}

/** @returns what stands before the value; undefined if the line is something else */
function readHead(bytes: Buffer, at: number, end: number): Head | undefined {
  const first = nameAt(bytes, at, end);
  const next = skipBlanks(bytes, at + first.length, end);
  const exported = first === 'export' && next > at + first.length && NAME_BYTES.has(bytes[next] ?? 0);
  const name = exported ? nameAt(bytes, next, end) : first;
  if (name === '') return undefined;
  const afterName = (exported ? next : at) + name.length;
  const sign = skipBlanks(bytes, afterName, end);
  if (sign === end || (bytes[sign] === HASH && sign > afterName)) {
    return { name, exported, colon: false, valueStart: undefined };
  }
  const colon = bytes[sign] === COLON && sign === afterName && skipBlanks(bytes, sign + 1, end) > sign + 1;
  if (bytes[sign] !== EQUALS && !colon) return undefined;
  return { name, exported, colon, valueStart: skipBlanks(bytes, sign + 1, end) };
}

function readAssignment(place: Place, head: Head & { readonly valueStart: number }): Statement {
  const { bytes, start, line } = place;
  const { name, exported, valueStart } = head;
  const { quote, valueEnd, end, torn, ambiguous } = readValue(bytes, valueStart, line);
  const inner = quote === 'none' ? 0 : 1;
  const content = bytes.subarray(valueStart + inner, valueEnd - inner);
  const doubt = headDoubt(head) ?? ambiguous ?? differenceOf(quote, content);
  const known = doubt === undefined ? { value: content } : { value: undefined, ambiguous: doubt };
  const assignment = { name, line, exported, quote, ...known, start, end, valueStart, valueEnd };
  return { assignment, end, ...(torn !== undefined && { torn }) };
}

function headDoubt({ name, colon }: Head): string | undefined {
  if (!/^[A-Za-z_]\w*$/.test(name)) return 'not every reader knows such a name';
  return colon ? 'few readers know `name: value`; write `name=value`' : undefined;
}

interface ReadValue {
  readonly quote: Quote;
  readonly valueEnd: number;
  readonly end: number;
  readonly torn?: string;
  readonly ambiguous?: string;
}

function readValue(bytes: Buffer, at: number, line: number): ReadValue {
  const quote = quoteAt(bytes, at);
  if (quote === 'none') return readBare(bytes, at, line);
  const close = bytes.indexOf(QUOTE_BYTES[quote], at + 1);
  const end = lineEnd(bytes, Math.max(close, at));
  const isOneLine = close !== -1 && end === lineEnd(bytes, at);
  const isEscaped = bytes[close - 1] === BACKSLASH && close - 1 > at;
  const after = skipBlanks(bytes, close + 1, end);
  const isClean = close !== -1 && !isEscaped && (after === end || (bytes[after] === HASH && after > close + 1));
  if (!isClean || (quote === 'backtick' && !isOneLine)) return readBare(bytes, at, line);
  const comment = after === end ? {} : { ambiguous: COMMENT };
  return { quote, valueEnd: close + 1, end, ...comment };
}

const COMMENT = 'some readers take the comment behind it for a part of it; give the comment a line of its own';

/** Also what begins with a quote, but has no plain end: readers differ on that value, but not always on where it ends. */
function readBare(bytes: Buffer, at: number, line: number): ReadValue {
  const end = lineEnd(bytes, at);
  const rest = bytes.subarray(at, end);
  const hash = rest.findIndex((byte, i) => byte === HASH && isBlank(rest[i - 1]));
  let valueEnd = hash === -1 ? end : at + hash;
  while (valueEnd > at && isBlank(bytes[valueEnd - 1])) valueEnd -= 1;
  const torn = closesOnItsLine(rest) ? {} : { torn: `a quote in line ${line} is not closed there, for some readers` };
  const quoted =
    quoteAt(bytes, at) === 'none' ? undefined : 'its quotes are not closed, or something stands behind them';
  const ambiguous = quoted ?? (hash === -1 ? undefined : COMMENT);
  return { quote: 'none', valueEnd, end, ...torn, ...(ambiguous !== undefined && { ambiguous }) };
}

function quoteAt(bytes: Buffer, at: number): Quote {
  if (bytes[at] === QUOTE_BYTES.single) return 'single';
  if (bytes[at] === QUOTE_BYTES.double) return 'double';
  return bytes[at] === QUOTE_BYTES.backtick ? 'backtick' : 'none';
}

/** @returns where the line ends, before its line break */
function lineEnd(bytes: Buffer, from: number): number {
  const newline = bytes.indexOf(NEWLINE, from);
  if (newline === -1) return bytes.length;
  return newline > from && bytes[newline - 1] === RETURN ? newline - 1 : newline;
}

function nameAt(bytes: Buffer, at: number, end: number): string {
  let stop = at;
  while (stop < end && NAME_BYTES.has(bytes[stop] ?? 0)) stop += 1;
  return bytes.toString('latin1', at, stop);
}

const isBlank = (byte: number | undefined): boolean => byte === 32 || byte === 9;

function skipBlanks(bytes: Buffer, at: number, end: number): number {
  let next = at;
  while (next < end && isBlank(bytes[next])) next += 1;
  return next;
}

function countOf(bytes: Buffer, wanted: number): number {
  return bytes.reduce((count, byte) => (byte === wanted ? count + 1 : count), 0);
}
