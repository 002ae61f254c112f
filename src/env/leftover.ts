/** Copies of .env files that an editor or a person has left behind, and that still contain a key. */
import { isOfStep } from './filename.ts';
import type { EnvFinding } from './finding.ts';
import { shellWord } from './finding.ts';
import { isJwtName } from './names.ts';

/** Matches an assignment in any kind of file, such as the swap file of an editor. */
const ASSIGNED = /(?:^|[\s\0])(?:export +)?([A-Z][A-Z0-9_]{0,100})[ \t]*=[ \t]*["'`]?[^\s"'`]/g;

/** To remove it before the step has ended would take from rekey what it needs for that. */
const OF_STEP =
  'holds a key, for a step of rekey that was cut off or is under way: the next rekey env sync, rotate or continue ends the step and removes it. Delete it if it is still there after that';

/** @returns a finding if it assigns a JWT key */
export function leftoverFinding(path: string, bytes: Buffer): EnvFinding | undefined {
  const text = bytes.toString('latin1');
  const match = [...text.matchAll(ASSIGNED)].find(([, name = '']) => isJwtName(name));
  if (match === undefined) return undefined;
  const [whole, name = ''] = match;
  const line = text.slice(0, match.index + whole.indexOf(name)).split('\n').length;
  const found = { reason: 'LeftoverKey', severity: 'error', file: path, line, name } as const;
  if (isOfStep(path)) return { ...found, message: OF_STEP };
  const message = 'a leftover that holds a key, and that no rotation touches; delete it';
  return { ...found, message, fix: [`rm ${shellWord(path)}`] };
}
