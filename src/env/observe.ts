/**
 * Reads all that the files of a configuration say, as facts without a byte of a key.
 */
import { existsSync } from 'node:fs';
import { lstat, realpath } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { defined } from '../base/objects.ts';
import type { Weakness } from '../rotation/keyset/keyset.ts';
import { unfitness } from '../rotation/secret/found-text.ts';
import { fingerprintOf, KeyMaterial } from '../rotation/secret/keys.ts';
import { keysInList } from '../rotation/secret/secret-data.ts';
import { type BurntFacts, burntIn } from './burnt.ts';
import type { Setup } from './config.ts';
import type { Discovery } from './discover.ts';
import { type EnvFile, parseEnv } from './dotenv/parse.ts';
import { type EnvConfig, environmentsOf } from './env-config.ts';
import { type GitFacts, gitFacts } from './git.ts';
import { type FileReading, readBounded } from './read-file.ts';
import { type StateFacts, stateFacts } from './state-facts.ts';
import { type RememberedKeys, readStates } from './state-keys.ts';

export interface KeyFact {
  /** Equal keys have one id, others have another: the fingerprint of a weak key is too short to know that. */
  readonly id: number;
  readonly fingerprint: string;
  readonly weakness?: Weakness;
  /** Why it cannot stand in a list of keys, as the end of a sentence. */
  readonly unfit?: string;
}

/** One assignment of a name that holds the signing key. */
export interface ValueFact {
  readonly name: string;
  readonly line: number;
  /** Undefined if the value is empty, or ambiguous. */
  readonly key?: KeyFact;
  /** Why readers of .env files differ on the value. */
  readonly ambiguous?: string;
}

export interface FileFact extends BurntFacts {
  readonly environment: string;
  readonly service: string;
  /** From the root, with slashes. */
  readonly path: string;
  readonly state: 'Read' | 'Missing' | 'Unreadable';
  /** Why it cannot be read. */
  readonly why?: string;
  /** In the order of the file; a name that is there twice counts as its last one. */
  readonly values: readonly ValueFact[];
  /** The older keys that are accepted beside it, each once; one without a key if nobody knows them. */
  readonly fallbacks: readonly ValueFact[];
  /** Permission bits; undefined where they say nothing. */
  readonly mode?: number;
  readonly changedAt?: number;
  /** What a symbolic link leads to; a path that begins with .. is outside of the root. */
  readonly link?: string;
  readonly git: GitFacts;
}

export interface EnvFacts {
  readonly config: EnvConfig;
  readonly discovery: Discovery;
  readonly files: readonly FileFact[];
  readonly states: readonly RememberedKeys[];
  readonly state: StateFacts;
  /** What Git says of leftovers, by path. */
  readonly leftovers: ReadonlyMap<string, GitFacts>;
  /** The root with all links resolved. */
  readonly realRoot: string;
}

/** A file of a service as it was read. Its bytes hold keys: overwrite them. */
export interface RawFile {
  readonly environment: string;
  readonly service: string;
  readonly names: readonly string[];
  readonly path: string;
  readonly reading: FileReading;
  readonly parsed?: EnvFile;
  /** Why it cannot be parsed. */
  readonly trouble?: string;
}

/** @returns the files of all environments and services */
export async function readFiles(config: EnvConfig): Promise<readonly RawFile[]> {
  const places = environmentsOf(config).flatMap((each) =>
    config.services.flatMap(({ name, names, files }) => {
      const path = Object.hasOwn(files, each) ? files[each] : undefined;
      return path === undefined ? [] : [{ environment: each, service: name, names, path }];
    }),
  );
  return Promise.all(
    places.map(async (place) => {
      const reading = await readBounded(join(config.root, place.path));
      return { ...place, reading, ...(reading.kind === 'Read' && parsedOf(reading.bytes, place.path)) };
    }),
  );
}

function parsedOf(bytes: Buffer, path: string): Pick<RawFile, 'parsed' | 'trouble'> {
  try {
    return { parsed: parseEnv(bytes, path) };
  } catch (error) {
    const { message } = error as Error;
    return { trouble: message.replace(`${path}: `, '') };
  }
}

/** Overwrites what was read. */
export function forget(files: readonly RawFile[]): void {
  for (const { reading } of files) if (reading.kind === 'Read') reading.bytes.fill(0);
}

/** Reads everything once. */
export async function observe({ config, discovery }: Setup): Promise<EnvFacts> {
  const raw = await readFiles(config);
  const leftovers = discovery.findings.filter(({ reason }) => reason === 'LeftoverKey').map(({ file }) => file);
  try {
    const keyFact = await keyFacts();
    const paths = [...raw.map(({ path }) => path), ...leftovers].map((path) => join(config.root, path));
    const git = await gitFacts(paths.filter((path) => existsSync(dirname(path))));
    const ofGit = (path: string): GitFacts => git.get(join(config.root, path)) ?? { tracked: 'no', ignored: 'no' };
    const realRoot = await realpath(config.root);
    const states = await readStates(config.root);
    const look: Look = { config, realRoot, keyFact, states };
    return {
      config,
      discovery,
      files: await Promise.all(raw.map((file) => factOf(file, ofGit(file.path), look))),
      states,
      state: await stateFacts(config),
      leftovers: new Map(leftovers.map((path) => [path, ofGit(path)])),
      realRoot,
    };
  } finally {
    forget(raw);
  }
}

type KeyFactOf = (value: Buffer) => KeyFact;

/** The estimator of weakness is large, and loaded only here. */
async function keyFacts(): Promise<KeyFactOf> {
  const { weaknessOf } = await import('../rotation/secret/strength.ts');
  const known: { readonly material: KeyMaterial; readonly fact: KeyFact }[] = [];
  return (value) => {
    const material = new KeyMaterial(value);
    const same = known.find((other) => other.material.equals(material));
    if (same !== undefined) return same.fact;
    const [weakness, unfit] = [weaknessOf(material), unfitness(material)];
    const fact: KeyFact = {
      id: known.length,
      fingerprint: fingerprintOf(material),
      ...defined({ weakness, unfit }),
    };
    known.push({ material, fact });
    return fact;
  };
}

/** What the facts of each file rest on. */
interface Look {
  readonly config: EnvConfig;
  readonly realRoot: string;
  readonly keyFact: KeyFactOf;
  readonly states: readonly RememberedKeys[];
}

async function factOf(
  { environment, service, names, path, reading, parsed, trouble }: RawFile,
  git: GitFacts,
  { config, realRoot, keyFact, states }: Look,
): Promise<FileFact> {
  const { root, fallbacksName } = config;
  const link = await linkOf(join(root, path), realRoot);
  const none = { values: [], fallbacks: [], burnt: [], burntUnknown: false };
  const unread = { environment, service, path, git, ...none, ...defined({ link }) };
  if (reading.kind === 'Missing') return { ...unread, state: 'Missing' };
  const base = { ...unread, ...(reading.kind === 'Read' && burntIn(reading.bytes, config, states)) };
  const why = reading.kind === 'Unreadable' ? reading.why : trouble;
  if (reading.kind === 'Unreadable' || parsed === undefined) {
    return { ...base, state: 'Unreadable', ...defined({ why }) };
  }
  const values = parsed.assignments
    .filter(({ name }) => names.includes(name))
    .map(({ name, line, value, ambiguous }): ValueFact => {
      const isKey = value !== undefined && value.length > 0;
      return { name, line, ...(isKey && { key: keyFact(value) }), ...defined({ ambiguous }) };
    });
  // Windows has no such bits
  const mode = process.platform === 'win32' ? {} : { mode: reading.mode };
  const fallbacks = fallbacksIn(parsed, fallbacksName, keyFact);
  return { ...base, state: 'Read', values, fallbacks, ...mode, changedAt: reading.changedAt };
}

/** Readers take the last assignment. */
function fallbacksIn({ assignments }: EnvFile, listName: string, keyFact: KeyFactOf): readonly ValueFact[] {
  const last = assignments.findLast(({ name }) => name === listName);
  if (last === undefined) return [];
  const { name, line, value, ambiguous } = last;
  if (value === undefined) return [{ name, line, ambiguous: ambiguous ?? 'it is not clear' }];
  return keysInList(value).map((key) => ({ name, line, key: key.use((bytes) => keyFact(bytes)) }));
}

/** @returns where a path leads to, from the root, if a link is on the way */
async function linkOf(path: string, realRoot: string): Promise<string | undefined> {
  try {
    const [target, isLink] = [await realpath(path), (await lstat(path)).isSymbolicLink()];
    const found = relative(realRoot, target).split(sep).join('/');
    return isLink || found.startsWith('../') ? found : undefined;
  } catch {
    return undefined;
  }
}
