/**
 * Changes values in a .env file and leaves every other byte as it is.
 */

import { EnvError } from '../error.ts';
import { literalOf } from './literal.ts';
import { type Assignment, type EnvFile, parseEnv } from './parse.ts';

/** Bytes that take the place of others. */
interface Splice {
  readonly start: number;
  readonly end: number;
  readonly parts: readonly Buffer[];
}

/**
 * Sets each name in all its lines, in the quotes that are there if the value allows it. A name that is not there gets a line.
 *
 * @param values undefined takes the lines of the name away
 * @param anchor a new name goes behind the last line of this one, and is exported as it is; without it, to the end of the file
 * @returns the new bytes: the caller overwrites them when they are not needed any more
 * @throws EnvError if some reader would read another value than was asked for, or there is no such anchor
 */
export function setValues(file: EnvFile, values: ReadonlyMap<string, Buffer | undefined>, anchor?: string): Buffer {
  const splices = [...values].flatMap(([name, value]) => splicesFor(file, name, value, anchor));
  const bytes = spliced(file.bytes, splices);
  for (const { parts } of splices) for (const part of parts) part.fill(0);
  try {
    check(parseEnv(bytes, file.path), values);
  } catch (error) {
    bytes.fill(0);
    throw error;
  }
  return bytes;
}

function splicesFor(
  file: EnvFile,
  name: string,
  value: Buffer | undefined,
  anchor: string | undefined,
): readonly Splice[] {
  const lines = file.assignments.filter((each) => each.name === name);
  if (value === undefined) return lines.map((line) => removal(file, line));
  if (lines.length === 0) return [insertion(file, name, value, anchor)];
  return lines.map(({ valueStart, valueEnd, quote, line }) => {
    const literal = literalFor(file, name, value, quote, line);
    return { start: valueStart, end: valueEnd, parts: [literal] };
  });
}

function literalFor({ path }: EnvFile, name: string, value: Buffer, quote: Assignment['quote'], line?: number): Buffer {
  const literal = literalOf(value, quote);
  if (literal !== undefined) return literal;
  const where = line === undefined ? path : `${path}: line ${line}`;
  throw new EnvError(
    `${where}: ${name}: no way to write the new value is read the same by every reader; choose another`,
  );
}

/** With the line break behind it; the last line of a file without a final one, with that before it. */
function removal({ bytes }: EnvFile, { start, end }: Assignment): Splice {
  if (end < bytes.length) return { start, end: end + breakAt(bytes, end), parts: [] };
  const before = bytes[start - 1] !== 10 ? 0 : bytes[start - 2] === 13 ? 2 : 1;
  return { start: start - before, end, parts: [] };
}

const breakAt = (bytes: Buffer, at: number): number => (bytes[at] === 13 ? 2 : 1);

function insertion(file: EnvFile, name: string, value: Buffer, anchor: string | undefined): Splice {
  const literal = literalFor(file, name, value, 'none');
  if (anchor !== undefined) {
    const line = file.assignments.findLast((each) => each.name === anchor);
    if (line === undefined) throw new EnvError(`${file.path}: there is no ${anchor} to put ${name} behind`);
    const head = `${file.eol}${line.exported ? 'export ' : ''}${name}=`;
    return { start: line.end, end: line.end, parts: [Buffer.from(head), literal] };
  }
  const { length } = file.bytes;
  const isOpen = length > (file.bom ? 3 : 0) && !file.finalNewline;
  const parts = [Buffer.from(`${isOpen ? file.eol : ''}${name}=`), literal, Buffer.from(isOpen ? '' : file.eol)];
  return { start: length, end: length, parts };
}

function spliced(bytes: Buffer, splices: readonly Splice[]): Buffer {
  const parts: Buffer[] = [];
  let at = 0;
  for (const splice of splices.toSorted((one, other) => one.start - other.start)) {
    // two removals may share the line break between them
    parts.push(bytes.subarray(at, Math.max(at, splice.start)), ...splice.parts);
    at = Math.max(at, splice.end);
  }
  return Buffer.concat([...parts, bytes.subarray(at)]);
}

/** What was asked for is what every reader reads: no promise without a look. */
function check(file: EnvFile, values: ReadonlyMap<string, Buffer | undefined>): void {
  for (const [name, wanted] of values) {
    const lines = file.assignments.filter((each) => each.name === name);
    for (const { value, line, ambiguous } of lines) {
      if (wanted !== undefined && value?.equals(wanted)) continue;
      const why = ambiguous ?? 'it could not be set';
      throw new EnvError(`${file.path}: line ${line}: ${name}: readers differ on its value: ${why}`);
    }
    if (wanted !== undefined && lines.length === 0) throw new EnvError(`${file.path}: ${name} could not be added`);
  }
}
