/**
 * Reads a .env file byte by byte. Readers of such files differ; a value counts as known only if none of them reads
 * other bytes. A reader that reports an error for a file or a line does not count for it, such as a shell for spaces
 * around `=`.
 */
import { EnvError } from '../error.ts';
import { type Head, readHead } from './head.ts';
import { differenceOf, type Quote } from './literal.ts';
import { BACKSLASH, countOf, HASH, hasStrangeBreak, lineEnd, NEWLINE, RETURN, skipBlanks } from './scan.ts';
import { readValue } from './value.ts';

export interface Assignment {
  readonly name: string;
  /** The line of the name, from 1. */
  readonly line: number;
  /** `export NAME=…`. */
  readonly exported: boolean;
  readonly quote: Quote;
  /** The value as readers take it, a part of the file's bytes; undefined if they differ, or it is unknown. */
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
  /** In the order of the file. A name may occur more than once: for every reader that was tried, the last one counts. */
  readonly assignments: readonly Assignment[];
}

interface Found extends Assignment {
  /** There are blanks around its `=`. */
  readonly spaced: boolean;
}

/** One line, or the lines of a value in quotes. */
interface Statement {
  readonly assignment?: Assignment;
  readonly spaced?: boolean;
  /** Where its last line ends. */
  readonly end: number;
  /** Why readers differ on where the next line begins, and so on everything after it. */
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

/**
 * @param bytes kept, not copied: overwriting them overwrites the values
 * @param path for messages
 * @throws EnvError if it is not a text with one byte per ASCII character: UTF-16, or a text with a NUL byte
 */
export function parseEnv(bytes: Buffer, path = '.env'): EnvFile {
  refuseForeign(bytes, path);
  const bom = bytes.subarray(0, 3).equals(BOM);
  const found: Found[] = [];
  let foreign: string | undefined;
  let torn: string | undefined;
  for (let start = bom ? 3 : 0, line = 1; start < bytes.length; ) {
    const statement = readStatement({ bytes, start, line });
    const { assignment, spaced = false } = statement;
    if (assignment !== undefined) found.push({ ...doubted(assignment, torn ?? bomDoubt(bom, line)), spaced });
    torn ??= statement.torn;
    foreign ??= statement.foreign;
    line += countOf(bytes.subarray(start, statement.end), NEWLINE) + 1;
    start = statement.end + (bytes[statement.end] === RETURN ? 2 : 1);
  }
  const first = bytes.indexOf(NEWLINE);
  const repeated = repeatedUnlike(found);
  const doubtOf = (name: string) => foreign ?? (repeated.has(name) ? REPEATED : undefined);
  return {
    path,
    bytes,
    bom,
    eol: first > 0 && bytes[first - 1] === RETURN ? '\r\n' : '\n',
    finalNewline: bytes.at(-1) === NEWLINE,
    assignments: found.map(({ spaced, ...each }) => doubted(each, doubtOf(each.name))),
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

const REPEATED = 'it is there more than once, in ways of which some readers know only one';

/** If a name has several lines, the last one counts; but a reader may skip that and take another. */
function repeatedUnlike(found: readonly Found[]): ReadonlySet<string> {
  const first = new Map<string, string>();
  const unlike = new Set<string>();
  for (const { name, exported, spaced } of found) {
    const kind = `${exported} ${spaced}`;
    const before = first.get(name);
    if (before === undefined) first.set(name, kind);
    else if (before !== kind) unlike.add(name);
  }
  return unlike;
}

function doubted(assignment: Assignment, doubt: string | undefined): Assignment {
  if (doubt === undefined || assignment.ambiguous !== undefined) return assignment;
  return { ...assignment, value: undefined, ambiguous: doubt };
}

function readStatement(place: Place): Statement {
  const { bytes, start, line } = place;
  const end = lineEnd(bytes, start);
  const hasBreak = hasStrangeBreak(bytes.subarray(start, end));
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

function readAssignment(place: Place, head: Head & { readonly valueStart: number }): Statement {
  const { bytes, start, line } = place;
  const { name, exported, spaced, valueStart } = head;
  const { quote, valueEnd, end, ambiguous, ...doubts } = readValue(bytes, valueStart, line);
  const inner = quote === 'none' ? 0 : 1;
  const content = bytes.subarray(valueStart + inner, valueEnd - inner);
  const doubt = head.doubt ?? ambiguous ?? differenceOf(quote, content);
  const known = doubt === undefined ? { value: content } : { value: undefined, ambiguous: doubt };
  const assignment = { name, line, exported, quote, ...known, start, end, valueStart, valueEnd };
  return { assignment, spaced, end, ...doubts };
}
