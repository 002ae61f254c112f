/**
 * How often properties are tried, and how a failure is tried again: REKEY_FC_RUNS, and the REKEY_FC_SEED and
 * REKEY_FC_PATH that a failure prints.
 */
import fc from 'fast-check';

/** Of a failure: which run, and of its commands those that ran. */
const [path, replayPath] = (process.env.REKEY_FC_PATH ?? '').split(/\/(.*)/s);

/** For `fc.commands`: shrinking leaves out commands that did not run. */
export const COMMANDS: { readonly replayPath?: string } = replayPath ? { replayPath } : {};

/** @param runs where REKEY_FC_RUNS says nothing */
export function settings<T>(runs: number): fc.Parameters<T> {
  const { REKEY_FC_RUNS, REKEY_FC_SEED } = process.env;
  return {
    numRuns: REKEY_FC_RUNS === undefined ? runs : Number(REKEY_FC_RUNS),
    ...(REKEY_FC_SEED !== undefined && { seed: Number(REKEY_FC_SEED) }),
    ...(path && { path }),
    reporter: report,
  };
}

function report<T>(details: fc.RunDetails<T>): void {
  if (!details.failed) return;
  const { seed, counterexamplePath, numRuns, numShrinks, counterexample, errorInstance } = details;
  const error = errorInstance instanceof Error ? errorInstance.message : String(errorInstance);
  const ran = /replayPath="([^"]*)"/.exec(String(counterexample))?.[1];
  const again = `REKEY_FC_SEED=${seed} REKEY_FC_PATH=${counterexamplePath}${ran === undefined ? '' : `/${ran}`}`;
  const text = fc.stringify(counterexample);
  throw new Error(`failed after ${numRuns} runs and ${numShrinks} shrinks; again with ${again}\n${text}\n${error}`);
}
