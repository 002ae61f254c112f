/** Reads what rekey remembers, beside what the files have now. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Phase } from '../rotation/keyset/keyset.ts';
import { drainMsOf, type EnvConfig, environmentsOf } from './env-config.ts';
import { differences, readEnvironment } from './environment.ts';
import { EnvError } from './error.ts';
import { isAtWork } from './files/holder.ts';
import { stepFolder } from './files/journal.ts';
import { STATE_FOLDER } from './state.ts';
import { type UnderWay, underWayIn } from './under-way.ts';

/** An environment of which every file has other keys than those that rekey wrote. */
export interface Foreign {
  readonly environment: string;
  /** The first file, from the root. */
  readonly file: string;
  /** Whether all keys in them are ones that rekey knows. */
  readonly isKnown: boolean;
  readonly phase: Phase;
}

export interface StateFacts {
  readonly underWay: readonly UnderWay[];
  readonly foreign: readonly Foreign[];
  /** Whether a step was begun and not ended, and no run of rekey is at work. */
  readonly isCutOff: boolean;
}

/** @param config its root is absolute */
export async function stateFacts(config: EnvConfig): Promise<StateFacts> {
  const environments = environmentsOf(config);
  const folder = join(config.root, STATE_FOLDER);
  const foreign = await Promise.all(environments.map((environment) => foreignIn(config, environment)));
  return {
    underWay: await underWayIn(config.root, environments, drainMsOf(config)),
    foreign: foreign.filter((each) => each !== undefined),
    isCutOff: existsSync(stepFolder(folder)) && !(await isAtWork(folder)),
  };
}

/** @returns undefined also if a file or the state cannot be read: that has a finding of its own */
async function foreignIn(config: EnvConfig, environment: string): Promise<Foreign | undefined> {
  try {
    const read = await readEnvironment(config, environment);
    if (read.state === undefined) return undefined;
    const { phase } = read.state.keyset;
    const found = differences(read, read.state.keyset);
    const [first] = found;
    if (first === undefined || found.length < read.files.length || found.some(({ burnt }) => burnt)) return undefined;
    const isKnown = found.every((each) => each.foreign.length === 0);
    return { environment, file: first.file.shown, isKnown, phase };
  } catch (error) {
    if (error instanceof EnvError) return undefined;
    throw error;
  }
}
