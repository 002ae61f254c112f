/**
 * Searches the staged content of a commit for keys. It finds known keys anywhere, and unknown keys in assignments to
 * variables of a JWT key.
 */
import { KeySearch } from '../rotation/secret/key-search.ts';
import { fingerprintOf, isGuessable, KeyMaterial } from '../rotation/secret/keys.ts';
import { parseEnv } from './dotenv/parse.ts';
import type { EnvConfig } from './env-config.ts';
import { ConfigError } from './fields.ts';
import { fileKindOf } from './filename.ts';
import { type EnvFinding, shellWord } from './finding.ts';
import { repositoryOf } from './git.ts';
import { hasCommit, type StagedBlob, stagedBlobs } from './git-staged.ts';
import { lineFinder } from './lines.ts';
import { isJwtName } from './names.ts';
import { forget, type RawFile, readFiles } from './observe.ts';
import { type RememberedKeys, readStates, STATE_FOLDER } from './state-keys.ts';

export interface StagedCheck {
  readonly findings: readonly EnvFinding[];
  /** How many files are staged, and how many keys were searched for. */
  readonly files: number;
  readonly keys: number;
}

/** A key in use, and its place. */
interface KnownKey {
  readonly bytes: Buffer;
  readonly fingerprint: string;
  readonly where: string;
}

/** One place in a staged file. */
interface Hit {
  readonly line?: number;
  readonly name?: string;
  readonly message: string;
}

const COMMA = 44;
/** In any kind of file: `NAME=value`, `NAME: "value"`, `"NAME": "value"`. */
const ASSIGNED = /\b([A-Z][A-Z0-9_]*SECRET(?:_KEY)?|SECRET_KEY)["']?[ \t]*[:=][ \t]*["'`]?([^\s"'`,;]{16,512})/g;

/**
 * @param folder where the command runs: in a hook, the root of the repository
 * @param environment whose keys to search for; all if absent
 * @throws ConfigError if Git gives no answer
 */
export async function checkStaged(config: EnvConfig, folder: string, environment?: string): Promise<StagedCheck> {
  const repository = await repositoryOf(folder, { inHook: true });
  if (repository.kind === 'None') throw new ConfigError(`${folder} is not in a Git repository, so nothing is staged`);
  if (repository.kind === 'Unknown') throw new ConfigError(`what is staged is not known: ${repository.why}`);
  const raw = await readFiles(config);
  try {
    const isOf = (of: { readonly environment: string }) => environment === undefined || of.environment === environment;
    const known = raw.filter(isOf).flatMap((file) => keysIn(file, config.fallbacksName));
    const remembered = (await readStates(config.root)).filter(isOf);
    const states = remembered.flatMap(({ keys }) => keys);
    const prints = [...new Set([...known, ...states].map(({ fingerprint }) => fingerprint))];
    const { blobs, rest } = await stagedBlobs(repository.root);
    const names = new Set([...config.services.flatMap((service) => service.names), config.fallbacksName]);
    const { weaknessOf } = await import('../rotation/secret/strength.ts');
    const isStrong = (value: Buffer) => weaknessOf(new KeyMaterial(value)) === undefined;
    const undo = (await hasCommit(repository.root)) ? 'git restore --staged' : 'git rm --cached';
    const findings = blobs.flatMap((blob) => {
      if (blob.bytes === undefined) return [notSearched(blob.path, 'it is too large')];
      const search = new KeySearch(prints);
      const bytes = blob.bytes;
      const hits = [...assignedIn(blob, names, isStrong), ...knownIn(bytes, known), ...searched(bytes, search)];
      const found = eachLineOnce(hits).map((hit) => stagedFinding(blob.path, hit, undo));
      return search.exhausted ? [...found, notSearched(blob.path, 'it is too long to be searched to its end')] : found;
    });
    const left = rest === 0 ? [] : [notSearched('.', `${rest} more staged files`)];
    const unknown = [...raw.filter(isOf).flatMap(unreadOf), ...remembered.flatMap(forgottenOf)];
    return { findings: [...findings, ...left, ...unknown], files: blobs.length + rest, keys: prints.length };
  } finally {
    forget(raw);
  }
}

function stagedFinding(file: string, hit: Hit, undo: string): EnvFinding {
  return { reason: 'StagedKey', severity: 'error', file, ...hit, fix: [`${undo} -- ${shellWord(file)}`] };
}

function notSearched(file: string, why: string): EnvFinding {
  return { reason: 'NotSearched', severity: 'warning', file, message: `not searched for keys: ${why}` };
}

/** A file of a service whose keys are not known may have one that is staged. */
function unreadOf({ parsed, reading, path, environment }: RawFile): readonly EnvFinding[] {
  if (parsed !== undefined || reading.kind === 'Missing') return [];
  const message = `not searched for the keys of ${environment} (${path}): the file cannot be read`;
  return [{ reason: 'NotSearched', severity: 'warning', file: path, message }];
}

function forgottenOf({ environment, trouble }: RememberedKeys): readonly EnvFinding[] {
  if (trouble === undefined) return [];
  const message = `not searched for all keys that rekey remembers of ${environment}: the file cannot be used`;
  return [{ reason: 'NotSearched', severity: 'warning', file: `${STATE_FOLDER}/${environment}.json`, message }];
}

/** The keys of the signing names and of the fallbacks. */
function keysIn({ parsed, names, environment, path }: RawFile, fallbacksName: string): readonly KnownKey[] {
  const where = `the key of ${environment} (${path})`;
  return (parsed?.assignments ?? []).flatMap(({ name, value }) => {
    if (value === undefined || value.length === 0) return [];
    const keys = names.includes(name) ? [value] : name === fallbacksName ? listed(value) : [];
    return keys.map((bytes) => ({ bytes, fingerprint: fingerprintOf(new KeyMaterial(bytes)), where }));
  });
}

function listed(value: Buffer): readonly Buffer[] {
  const commas = [...value.entries()].flatMap(([i, byte]) => (byte === COMMA ? [i] : []));
  const keys = [...commas, value.length].map((end, i) => value.subarray(i === 0 ? 0 : (commas[i - 1] ?? 0) + 1, end));
  return keys.filter(({ length }) => length > 0);
}

/** Compares bytes. Short keys, such as a word, are left out, because they would match by chance. */
function knownIn(bytes: Buffer, known: readonly KnownKey[]): readonly Hit[] {
  const lineAt = lineFinder(bytes);
  return known
    .filter((key) => !isGuessable(key.bytes))
    .flatMap((key) => {
      const hits: Hit[] = [];
      for (let at = bytes.indexOf(key.bytes); at !== -1; at = bytes.indexOf(key.bytes, at + 1)) {
        hits.push({ line: lineAt(at), message: `holds ${key.where}` });
      }
      return hits;
    });
}

/** Searches by fingerprint: also in base64 and similar forms, and for keys that only the state knows. */
function searched(bytes: Buffer, search: KeySearch): readonly Hit[] {
  if (!search.finds(Buffer.from(bytes))) return [];
  const message = 'holds a key that rekey knows by its fingerprint';
  const hits = linesOf(bytes).flatMap((line, i) => (search.finds(Buffer.from(line)) ? [{ line: i + 1, message }] : []));
  return hits.length > 0 ? hits : [{ message }];
}

function assignedIn(
  { path, bytes = Buffer.alloc(0) }: StagedBlob,
  names: ReadonlySet<string>,
  isStrong: (value: Buffer) => boolean,
): readonly Hit[] {
  const isKeyName = (name: string) => names.has(name) || isJwtName(name);
  const message = (name: string) => `assigns a value to ${name}`;
  const kind = fileKindOf(path)?.kind;
  if (kind !== undefined) {
    return assignmentsOf(bytes, path)
      .filter(({ name }) => isKeyName(name))
      .filter(({ value, isEmpty }) => !isEmpty && (kind !== 'Template' || (value !== undefined && isStrong(value))))
      .map(({ name, line }) => ({ line, name, message: message(name) }));
  }
  const lineAt = lineFinder(bytes);
  return [...bytes.toString('latin1').matchAll(ASSIGNED)]
    .filter(([, name = '', value = '']) => isKeyName(name) && isStrong(Buffer.from(value, 'latin1')))
    .map(({ index, 1: name = '' }) => ({ line: lineAt(index), name, message: message(name) }));
}

interface StagedValue {
  readonly name: string;
  readonly line: number;
  readonly value: Buffer | undefined;
  readonly isEmpty: boolean;
}

function assignmentsOf(bytes: Buffer, path: string): readonly StagedValue[] {
  try {
    return parseEnv(bytes, path).assignments.map(({ name, line, value, valueStart, valueEnd }) => {
      return { name, line, value, isEmpty: value === undefined ? valueStart === valueEnd : value.length === 0 };
    });
  } catch {
    // the search by bytes still finds it
    return [];
  }
}

function eachLineOnce(hits: readonly Hit[]): readonly Hit[] {
  // a hit with the origin of the key is more useful than one with a value only
  const known = [...hits.filter(({ name }) => name === undefined), ...hits];
  const named = new Map(hits.flatMap(({ line, name }) => (name === undefined ? [] : [[line, name] as const])));
  const first = new Map<number | undefined, Hit>();
  for (const hit of known) if (!first.has(hit.line)) first.set(hit.line, hit);
  const inOrder = [...first.values()].toSorted((a, b) => (a.line ?? 0) - (b.line ?? 0));
  return inOrder.map((hit) => {
    const name = named.get(hit.line);
    return name === undefined ? hit : { ...hit, name };
  });
}

function linesOf(bytes: Buffer): readonly Buffer[] {
  const ends = [...bytes.entries()].flatMap(([i, byte]) => (byte === 10 ? [i] : []));
  return [...ends, bytes.length].map((end, i) => bytes.subarray(i === 0 ? 0 : (ends[i - 1] ?? 0) + 1, end));
}
