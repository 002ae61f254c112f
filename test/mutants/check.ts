/**
 * Runs one check, in a process whose sources may be patched, and prints what it found: `ORACLE DETAIL`, or `nothing`.
 *
 *     REKEY_MUTANT=name node --import ./test/mutants/hook.ts test/mutants/check.ts name
 */

import { judgeLiveness } from '../explore/liveness.ts';
import { explore } from '../explore/search.ts';
import { CONFIGS } from '../explore/worlds.ts';
import { compactForgetsNothing, stateComesBack } from '../property/keysets.ts';
import { safeWritesAreSafe } from '../property/safe-writes.ts';
import { EFFECTS } from './effects.ts';
import { type Check, mutantOf, nameOf } from './mutant.ts';
import { TABLE } from './table.ts';

const PROPERTIES: Readonly<Record<string, () => unknown>> = {
  'safe writes': () => safeWritesAreSafe(3_000),
  compact: () => compactForgetsNothing(2_000),
  state: () => stateComesBack(500),
};

/** @returns what an oracle has found; undefined if nothing */
async function runCheck(check: Check, oracles: readonly string[] | undefined): Promise<string | undefined> {
  if (check.by === 'explore') return exploring(check.config, oracles);
  const run = { property: PROPERTIES, effect: EFFECTS, table: TABLE }[check.by][nameOf(check)];
  if (run === undefined) throw new Error(`there is no ${check.by} ${nameOf(check)}`);
  try {
    await run();
    return undefined;
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error);
    const oracle = /\b([IL]\d+): /.exec(text)?.[1];
    return `${oracle ?? 'error'} ${check.by} ${nameOf(check)}${oracle === undefined ? `: ${text}` : ''}`;
  }
}

function exploring(name: string, oracles: readonly string[] | undefined): string | undefined {
  const config = CONFIGS[name];
  if (config === undefined) throw new Error(`there is no config ${name}`);
  const result = explore(config, { maxStates: 2_000_000, oracles });
  const found = result.found ?? (oracles?.includes('I14') !== false ? judgeLiveness(config, result).found : undefined);
  if (found === undefined) return undefined;
  let steps = found.after === undefined ? 0 : 1;
  for (let id = result.store.parent(found.state); id !== -1; id = result.store.parent(id)) steps += 1;
  return `${found.violation.oracle} explore ${name}, ${steps} steps`;
}

const { check } = mutantOf(process.argv[2] ?? '');
// without a mutant nothing at all may be found
console.log((await runCheck(check, process.env.REKEY_MUTANT === undefined ? undefined : check.oracles)) ?? 'nothing');
