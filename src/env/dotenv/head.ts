/** The part before a value: the name, `export`, and the sign. */
import { defined } from '../../base/objects.ts';
import { COLON, EQUALS, HASH, isName, nameAt, SPACE, skipBlanks } from './scan.ts';

export interface Head {
  readonly name: string;
  readonly exported: boolean;
  /** There are blanks around the sign: a shell reports an error and takes no value from the line. */
  readonly spaced: boolean;
  /** Undefined if the line is a name alone. */
  readonly valueStart: number | undefined;
  /** Why readers differ on the value, whatever it is. */
  readonly doubt?: string;
}

/** @returns undefined if the line is something else @param at position of its first byte that is not blank */
export function readHead(bytes: Buffer, at: number, end: number): Head | undefined {
  const first = nameAt(bytes, at, end);
  const next = skipBlanks(bytes, at + first.length, end);
  const exported = first === 'export' && next > at + first.length && isName(bytes[next]);
  const name = exported ? nameAt(bytes, next, end) : first;
  if (name === '') return undefined;
  const afterName = (exported ? next : at) + name.length;
  const sign = skipBlanks(bytes, afterName, end);
  const isAlone = sign === end || (bytes[sign] === HASH && sign > afterName);
  if (isAlone) return { name, exported, spaced: false, valueStart: undefined };
  const valueStart = skipBlanks(bytes, sign + 1, end);
  const isColon = bytes[sign] === COLON && sign === afterName && valueStart > sign + 1;
  if (bytes[sign] !== EQUALS && !isColon) return undefined;
  const spaced = sign > afterName || valueStart > sign + 1;
  const isTabbed = exported && bytes.subarray(at + first.length, next).some((byte) => byte !== SPACE);
  const doubt = doubtOf(name, { isColon, isTabbed, isSpacedExport: exported && spaced });
  return { name, exported, spaced, valueStart, ...defined({ doubt }) };
}

interface Oddities {
  readonly isColon: boolean;
  readonly isTabbed: boolean;
  readonly isSpacedExport: boolean;
}

function doubtOf(name: string, { isColon, isTabbed, isSpacedExport }: Oddities): string | undefined {
  if (!/^[A-Za-z_]\w*$/.test(name)) return 'not every reader knows such a name';
  if (isColon) return 'few readers know `name: value`; write `name=value`';
  if (isTabbed) return 'not every reader knows a tab behind `export`; write a space';
  return isSpacedExport ? 'with blanks around `=`, a shell exports something else' : undefined;
}
