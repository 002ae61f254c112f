/** Reads what rekey remembers, beside what the files have now. */
import { existsSync } from 'node:fs';
import { readdir, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { defined } from '../base/objects.ts';
import type { Phase } from '../rotation/keyset/keyset.ts';
import { drainMsOf, type EnvConfig, environmentsOf } from './env-config.ts';
import { differences, readEnvironment } from './environment.ts';
import { EnvError } from './error.ts';
import { isAtWork } from './files/holder.ts';
import { readJournal, stepFolder } from './files/journal.ts';
import { UNFINISHED } from './files/unfinished.ts';
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
  /** A step that was begun and not ended, while no run of rekey is at work; with its environment, if its journal says that. */
  readonly cutOff?: { readonly environment?: string };
  /** Steps that an emergency has moved aside, by path from the root. */
  readonly unfinished: readonly string[];
}

/** @param config its root is absolute */
export async function stateFacts(config: EnvConfig): Promise<StateFacts> {
  const environments = environmentsOf(config);
  const folder = join(config.root, STATE_FOLDER);
  const foreign = await Promise.all(environments.map((environment) => foreignIn(config, environment)));
  return {
    underWay: await underWayIn(config.root, environments, drainMsOf(config)),
    foreign: foreign.filter((each) => each !== undefined),
    ...(await cutOffIn(folder)),
    unfinished: await unfinishedIn(folder),
  };
}

async function cutOffIn(folder: string): Promise<Pick<StateFacts, 'cutOff'>> {
  if (!existsSync(stepFolder(folder)) || (await isAtWork(folder))) return {};
  const { entries = [] } = (await readJournal(folder).catch(unlessEnvError)) ?? {};
  const own = await realpath(folder);
  const names = entries.filter(({ target }) => dirname(target) === own).map(({ target }) => basename(target));
  const name = names.find((each) => /^[a-z0-9][\w-]*\.json$/.test(each));
  return { cutOff: defined({ environment: name?.slice(0, -'.json'.length) }) };
}

function unlessEnvError(error: unknown): undefined {
  if (!(error instanceof EnvError)) throw error;
}

/** @returns none if the folder cannot be read: no state can be read then, which has a finding of its own */
async function unfinishedIn(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch((): string[] => []);
  return names.filter((name) => name.startsWith(UNFINISHED)).map((name) => `${STATE_FOLDER}/${name}`);
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
    return unlessEnvError(error);
  }
}
