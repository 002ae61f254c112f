/**
 * The keys that rekey remembers of an environment in `.rekey/ENVIRONMENT.json`, by fingerprint and never by their
 * bytes. Any object with a fingerprint counts as a key, wherever it is in the file.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { defined } from '../base/objects.ts';
import { isFormerHolder } from './files/holder.ts';
import { readBounded } from './read-file.ts';
import { decodeEnvState, onlyAsideText, STATE_FOLDER, setAsideOf } from './state.ts';

export { STATE_FOLDER } from './state.ts';

export interface StateKey {
  readonly fingerprint: string;
  /** When rekey wrote it or, for a key that people made, found it. Milliseconds since the epoch. */
  readonly createdAt?: number;
  /** Whether people made it. */
  readonly isFound: boolean;
  /** Whether an emergency has burnt it. */
  readonly isBurnt: boolean;
}

export interface RememberedKeys {
  readonly environment: string;
  readonly keys: readonly StateKey[];
  /** Why the keys are unknown. */
  readonly trouble?: string;
}

const MAX_DEPTH = 12;

/** @returns the environments that have a state file, or one that an emergency has set aside; none if the folder is missing */
export async function readStates(root: string): Promise<readonly RememberedKeys[]> {
  const names = await readdir(join(root, STATE_FOLDER)).catch((): string[] => []);
  const environments = names.map((name) => /^([a-z0-9][a-z0-9_-]*)\.json$/.exec(name)?.[1] ?? setAsideOf(name));
  const known = [...new Set(environments)].filter((environment) => environment !== undefined).sort();
  const states = await Promise.all(known.map((environment) => readState(root, environment, names)));
  return states.filter((state) => state !== undefined);
}

/** @returns undefined if there is no state: a former version kept the holder of its lock there */
async function readState(
  root: string,
  environment: string,
  names: readonly string[],
): Promise<RememberedKeys | undefined> {
  const asides = names.filter((name) => setAsideOf(name) === environment).sort();
  const burnt = (await Promise.all(asides.map((name) => burntIn(join(root, STATE_FOLDER, name))))).flat();
  const isThere = names.includes(`${environment}.json`);
  const state = isThere ? await readCurrent(root, environment) : undefined;
  if (state !== undefined) return { ...state, keys: [...state.keys, ...burnt] };
  if (asides.length === 0) return undefined;
  return { environment, keys: burnt, trouble: onlyAsideText(environment, asides) };
}

/** What cannot be read tells nothing: the emergency that has set it aside has said so. */
async function burntIn(path: string): Promise<readonly StateKey[]> {
  const reading = await readBounded(path);
  if (reading.kind !== 'Read') return [];
  return keysIn(parsed(reading.bytes.toString('utf8')), 0).filter(({ isBurnt }) => isBurnt);
}

async function readCurrent(root: string, environment: string): Promise<RememberedKeys | undefined> {
  const reading = await readBounded(join(root, STATE_FOLDER, `${environment}.json`));
  if (reading.kind !== 'Read')
    return { environment, keys: [], trouble: reading.kind === 'Missing' ? 'it is gone' : reading.why };
  if (isFormerHolder(reading.bytes)) return undefined;
  try {
    const keys = keysIn(JSON.parse(reading.bytes.toString('utf8')), 0);
    const trouble = troubleOf(reading.bytes, environment);
    return { environment, keys, ...defined({ trouble }) };
  } catch {
    return { environment, keys: [], trouble: 'it is not JSON' };
  }
}

/** Why the commands that write would refuse the file. */
function troubleOf(bytes: Buffer, environment: string): string | undefined {
  try {
    decodeEnvState(bytes, join(STATE_FOLDER, `${environment}.json`));
    return undefined;
  } catch (error) {
    return (error as Error).message;
  }
}

function keysIn(value: unknown, depth: number): readonly StateKey[] {
  if (depth > MAX_DEPTH) return [];
  // records of the protocol are JSON in texts
  if (typeof value === 'string') return /^\s*[[{]/.test(value) ? keysIn(parsed(value), depth + 1) : [];
  if (typeof value !== 'object' || value === null) return [];
  const inner = Object.values(value).flatMap((item) => keysIn(item, depth + 1));
  const key = keyOf(value as Readonly<Record<string, unknown>>);
  return key === undefined ? inner : [key, ...inner];
}

function keyOf({
  fp,
  fingerprint = fp,
  createdAt,
  burntAt,
  state,
}: Readonly<Record<string, unknown>>): StateKey | undefined {
  if (typeof fingerprint !== 'string' || !/^(?:weak-)?[0-9a-f]{4,64}$/.test(fingerprint)) return undefined;
  const at = typeof createdAt === 'string' ? Date.parse(createdAt) : Number.NaN;
  const isBurnt = typeof burntAt === 'string';
  return { fingerprint, isFound: state === 'found', isBurnt, ...(!Number.isNaN(at) && { createdAt: at }) };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
