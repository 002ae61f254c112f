/** Changes values in a .env file and keeps every other byte. */

import { EnvError } from '../error.ts';
import { literalOf } from './literal.ts';
import { type Assignment, type EnvFile, parseEnv } from './parse.ts';

/** Bytes that replace others. */
interface Splice {
  readonly start: number;
  readonly end: number;
  readonly parts: readonly Buffer[];
}

/**
 * Sets each name in all its lines, and keeps their quotes if the value allows it. A new name gets a line.
 *
 * @param values undefined removes the lines of the name
 * @param anchor a new name goes after the last line of this one, and is exported like it; without it, to the end of the
 *   file
 * @returns the new bytes, which the caller overwrites when they are no longer needed
 * @throws EnvError if some reader would read another value, or there is no such anchor
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

/** Removes the line with its line break; for a last line without one, with the line break before it. */
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

/** Reads the result again: every reader must read the wanted values. */
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
