/** Copies of .env files that an editor or a person has left behind, and that still contain a key. */
import type { EnvFinding } from './finding.ts';
import { shellWord } from './finding.ts';
import { isJwtName } from './names.ts';

/** Matches an assignment in any kind of file, such as the swap file of an editor. */
const ASSIGNED = /(?:^|[\s\0])(?:export +)?([A-Z][A-Z0-9_]{0,100})[ \t]*=[ \t]*["'`]?[^\s"'`]/g;

/** @returns a finding if it assigns a JWT key */
export function leftoverFinding(path: string, bytes: Buffer): EnvFinding | undefined {
  const text = bytes.toString('latin1');
  const match = [...text.matchAll(ASSIGNED)].find(([, name = '']) => isJwtName(name));
  if (match === undefined) return undefined;
  const [whole, name = ''] = match;
  const line = text.slice(0, match.index + whole.indexOf(name)).split('\n').length;
  const message = 'a leftover that holds a key, and that no rotation touches; delete it';
  return { reason: 'LeftoverKey', severity: 'error', file: path, line, name, message, fix: [`rm ${shellWord(path)}`] };
}
