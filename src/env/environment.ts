/** The .env files of one environment, one for each service, and the keyset that rekey remembers of them. */
import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Keyset, Kid } from '../rotation/keyset/keyset.ts';
import { distinct, fingerprintOf, KeyMaterial } from '../rotation/secret/keys.ts';
import { type EnvFile, parseEnv } from './dotenv/parse.ts';
import type { EnvConfig, EnvService } from './env-config.ts';
import { environmentsOf } from './env-config.ts';
import { EnvError, FilesUnusable, StateUnusable } from './error.ts';
import { keysOfFile } from './file-keys.ts';
import { shownKids } from './layout.ts';
import { nearestWord } from './nearest.ts';
import { readBounded } from './read-file.ts';
import { decodeEnvState, type EnvState, FORGETS, onlyAsideText, STATE_FOLDER, setAsideOf, statePath } from './state.ts';

/** The file of one service. */
export interface KeyFile {
  readonly service: EnvService;
  /** Absolute. */
  readonly path: string;
  /** The path relative to the folder of the configuration. */
  readonly shown: string;
  readonly file: EnvFile;
  /** When its content last changed, milliseconds since the epoch. */
  readonly changedAt: number;
  /** The service's names that the file has. */
  readonly names: readonly string[];
  /** The signing key. */
  readonly signing: KeyMaterial;
  readonly fallbacks: readonly KeyMaterial[];
}

export interface EnvironmentFiles {
  readonly config: EnvConfig;
  readonly name: string;
  /** The file of the source of truth comes first. */
  readonly files: readonly KeyFile[];
  /** Undefined until the first rotation. */
  readonly state?: EnvState;
  /** The bytes of the state file as read; undefined if it is not there or cannot be read. */
  readonly stateBytes?: Buffer;
  /** Why there is no state although there is a file: an emergency goes on without it. The next write sets it aside. */
  readonly unusable?: string;
  /** Services whose files were not read: {@link readEnvironment}. */
  readonly leftOut?: readonly string[];
}

/** @returns what to write instead of an unknown environment */
export function hintAt(name: string, known: readonly string[]): string {
  const [longer, ...others] = known.filter((other) => name !== '' && other.startsWith(name.toLowerCase()));
  const meant = others.length === 0 && longer !== undefined ? longer : nearestWord(name, known);
  if (meant !== undefined) return `did you mean ${meant}?`;
  return known.length === 0 ? 'no .env file with a JWT key was found' : `known: ${known.join(', ')}`;
}

/**
 * @param name of the environment
 * @param leftOut services whose files are not read; none if absent
 * @param urgent a state that cannot be read or decoded is left out, and does not throw
 * @throws FilesUnusable naming each unreadable file, and each name that is missing, empty, or read differently by different
 *   readers; EnvError if there is no such environment
 */
export async function readEnvironment(
  config: EnvConfig,
  name: string,
  leftOut: readonly string[] = [],
  urgent = false,
): Promise<EnvironmentFiles> {
  const known = environmentsOf(config);
  if (!known.includes(name)) {
    throw new EnvError(`there is no environment ${JSON.stringify(name)}; ${hintAt(name, known)}`);
  }
  const services = config.services.filter((each) => each.files[name] !== undefined && !leftOut.includes(each.name));
  const ordered = services.toSorted((a, b) => rank(a, config) - rank(b, config));
  const read = await Promise.all(ordered.map((service) => readKeyFile(config, service, service.files[name] ?? '')));
  const troubles = read.filter((each) => typeof each === 'string');
  if (troubles.length > 0) {
    const blamed = ordered.filter((_, i) => typeof read[i] === 'string').map((service) => service.name);
    throw new FilesUnusable(troubles.join('\n'), blamed);
  }
  const files = read.filter((each) => typeof each !== 'string');
  return { config, name, files, leftOut, ...(await readState(config, name, urgent)) };
}

const rank = ({ name }: EnvService, { sourceOfTruth }: EnvConfig): number => (name === sourceOfTruth ? 0 : 1);

const UNREAD =
  'Nothing is written until it can be read: restore it, or give it to this user. An emergency goes on without it';

/** A link to nothing is there too. */
const isThere = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    () => false,
  );

async function readState(
  config: EnvConfig,
  name: string,
  urgent: boolean,
): Promise<Pick<EnvironmentFiles, 'state' | 'stateBytes' | 'unusable'>> {
  const path = statePath(config.root, name);
  const reading = await readBounded(path);
  if (reading.kind === 'Missing' && !(await isThere(path))) return unlessSetAside(config.root, name, urgent);
  if (reading.kind !== 'Read') {
    const why = `${path}: ${reading.kind === 'Missing' ? 'this symbolic link leads nowhere' : reading.why}`;
    if (!urgent) throw new StateUnusable(why, `. ${UNREAD}`);
    return { unusable: why };
  }
  const stateBytes = reading.bytes;
  try {
    return { state: decodeEnvState(stateBytes, path), stateBytes };
  } catch (error) {
    if (!urgent || !(error instanceof StateUnusable)) throw error;
    return { stateBytes, unusable: error.why };
  }
}

/** An emergency that was cut off may have set the state aside, and written no other: that is no environment without a past. */
async function unlessSetAside(root: string, environment: string, urgent: boolean): Promise<{ unusable?: string }> {
  const names = await readdir(join(root, STATE_FOLDER)).catch((): string[] => []);
  const asides = names.filter((name) => setAsideOf(name) === environment).sort();
  if (asides.length === 0) return {};
  const why = onlyAsideText(environment, asides);
  if (urgent) return { unusable: why };
  const ways = [
    `Run: rekey env emergency ${environment} --reason TEXT, which goes on without it`,
    'or restore the file',
    `or remove those as well, to take the keys over as they are now. ${FORGETS}`,
  ];
  throw new StateUnusable(why, `. Nothing was written. ${ways.join('; ')}`);
}

/** @returns a sentence for people if it cannot be read */
async function readKeyFile(config: EnvConfig, service: EnvService, shown: string): Promise<KeyFile | string> {
  const path = join(config.root, shown);
  const reading = await readBounded(path);
  if (reading.kind === 'Missing') return `${shown}: there is no such file`;
  if (reading.kind === 'Unreadable') return `${shown}: ${reading.why}`;
  try {
    const file = parseEnv(reading.bytes, shown);
    const keys = keysOfFile(file, service.names, config.fallbacksName, 'rekey.yaml');
    return { service, path, shown, file, changedAt: reading.changedAt, ...keys };
  } catch (error) {
    if (error instanceof EnvError) return error.message;
    throw error;
  }
}

/** @returns every key in the files, each once, the key of the source of truth first */
export function allKeys({ files }: EnvironmentFiles): readonly KeyMaterial[] {
  const copies = files.flatMap(({ signing, fallbacks }) => [signing, ...fallbacks]).map((key) => copyOf(key));
  return distinct(copies);
}

const copyOf = (key: KeyMaterial): KeyMaterial => new KeyMaterial(key.use((bytes) => Buffer.from(bytes)));

/**
 * Keys that can be guessed have short fingerprints, so two may have the same one. They are told apart only if all of them
 * are in the files and in the keyset, and then by their order, which is that of the keyset of files that rekey finds.
 *
 * @returns the keys of the keyset that are in some file, by key id, without those that cannot be told apart
 */
export function materialsOf(environment: EnvironmentFiles, { keys }: Keyset): ReadonlyMap<Kid, KeyMaterial> {
  const materials = Map.groupBy(allKeys(environment), fingerprintOf);
  const records = Map.groupBy(keys, ({ fingerprint }) => fingerprint);
  return new Map(
    [...records].flatMap(([fingerprint, alike]) => {
      const found = materials.get(fingerprint) ?? [];
      const named = alike.flatMap(({ kid }, i) => {
        const material = found[i];
        return material === undefined ? [] : [[kid, material] as const];
      });
      return found.length === alike.length ? named : [];
    }),
  );
}

/**
 * @param kids of keys that a write would put into the files
 * @throws EnvError if one of them cannot be told from another key in the files: the wrong one might be written, and the
 *   right one lost
 */
export function refuseAlike(environment: EnvironmentFiles, { keys }: Keyset, kids: readonly Kid[]): void {
  const materials = Map.groupBy(allKeys(environment), fingerprintOf);
  const written = keys.filter(({ kid }) => kids.includes(kid)).map(({ fingerprint }) => fingerprint);
  const alike = written.find((fingerprint) => (materials.get(fingerprint)?.length ?? 0) > 1);
  if (alike === undefined) return;
  const { name, files } = environment;
  const having = files.filter(({ signing, fallbacks }) =>
    [signing, ...fallbacks].some((key) => fingerprintOf(key) === alike),
  );
  const paths = having.map(({ shown }) => shown).join(', ');
  const way = `Remove one of the two, or burn both: rekey env emergency ${name} --reason TEXT`;
  throw new EnvError(
    `${paths}: two different keys that can be guessed have the same short fingerprint, ${alike}, so rekey cannot tell them apart. ${way}`,
  );
}

/** A file whose keys differ from those that rekey wrote. */
export interface Difference {
  readonly file: KeyFile;
  /** For people. */
  readonly message: string;
  /** Fingerprints of keys in it that the keyset does not know, without burnt ones. */
  readonly foreign: readonly string[];
  /** Whether one of them is burnt. */
  readonly burnt: boolean;
}

/** @returns the files that do not match the keyset */
export function differences({ files, config }: EnvironmentFiles, keyset: Keyset): readonly Difference[] {
  const [signing, ...fallbacks] = shownKids(keyset).map((kid) => fingerprintIn(keyset, kid));
  return files.flatMap((file) => {
    const { shown, names: signingNames } = file;
    const found = { signing: fingerprintOf(file.signing), fallbacks: file.fallbacks.map(fingerprintOf).sort() };
    const all = [found.signing, ...found.fallbacks];
    const known = [...keyset.keys, ...keyset.burnt].map(({ fingerprint }) => fingerprint);
    const foreign = all.filter((each) => !known.includes(each));
    const burnt = keyset.burnt.some(({ fingerprint }) => all.includes(fingerprint));
    const names = [
      ...(found.signing === signing ? [] : [signingNames[0]]),
      ...(found.fallbacks.join() === fallbacks.toSorted().join() ? [] : [config.fallbacksName]),
    ];
    if (names.length === 0) return [];
    const what = burnt ? 'holds a burnt key again' : 'is not what rekey wrote';
    return [{ file, foreign, burnt, message: `${shown}: ${names.join(' and ')} ${what}` }];
  });
}

function fingerprintIn({ keys }: Keyset, kid: Kid): string {
  return keys.find((key) => key.kid === kid)?.fingerprint ?? '';
}
