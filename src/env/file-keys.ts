/** The keys in one .env file. */
import { unfitness } from '../rotation/secret/found-text.ts';
import { KeyMaterial } from '../rotation/secret/keys.ts';
import { keysInList } from '../rotation/secret/secret-data.ts';
import { type Assignment, type EnvFile, parseEnv } from './dotenv/parse.ts';
import { EnvError } from './error.ts';
import { isJwtName, jwtNamesIn } from './names.ts';
import { readBounded } from './read-file.ts';

/** Copies of the keys of one file, and the names that hold the signing key. */
export interface FileKeys {
  readonly names: readonly string[];
  readonly signing: KeyMaterial;
  readonly fallbacks: readonly KeyMaterial[];
}

/**
 * @param known names that may hold the signing key
 * @param where the place at which a person can choose, if there are several
 * @throws EnvError if there is no key, a value is empty or not a key, or readers differ on it
 */
export function keysOfFile(file: EnvFile, known: readonly string[], fallbacksName: string, where: string): FileKeys {
  const { path: shown } = file;
  const names = known.filter((name) => lastOf(file, name) !== undefined);
  const [first, ...others] = names.map((name) => bytesOf(file, name));
  if (first === undefined) throw new EnvError(`${shown}: there is no ${known.join(', and no ')}`);
  const other = others.findIndex((value) => !value.equals(first));
  if (other !== -1) {
    const message = `${shown}: ${names[0]} and ${names[other + 1]} hold two keys; which one signs?`;
    throw new EnvError(`${message} Make them alike, or name one in ${where}`);
  }
  const signing = new KeyMaterial(Buffer.from(first));
  const unfit = unfitness(signing);
  if (unfit !== undefined) throw new EnvError(`${shown}: ${names[0]} ${unfit}`);
  const listed = lastOf(file, fallbacksName);
  return { names, signing, fallbacks: listed === undefined ? [] : keysInList(clearValue(listed, shown)) };
}

function bytesOf(file: EnvFile, name: string): Buffer {
  const { path: shown } = file;
  const assignment = lastOf(file, name);
  if (assignment === undefined) throw new EnvError(`${shown}: there is no ${name}`);
  const value = clearValue(assignment, shown);
  if (value.length === 0) throw new EnvError(`${shown}: line ${assignment.line}: ${name} is empty`);
  return value;
}

/** Readers take the last one. */
function lastOf({ assignments }: EnvFile, name: string): Assignment | undefined {
  return assignments.findLast((assignment) => assignment.name === name);
}

function clearValue({ name, line, value, ambiguous }: Assignment, shown: string): Buffer {
  if (value !== undefined) return value;
  throw new EnvError(`${shown}: line ${line}: ${name}: readers differ on its value: ${ambiguous ?? 'it is not clear'}`);
}

/** The names of a file that may hold a JWT key, and those that do. */
export interface FileNamesFound {
  readonly possible: readonly string[];
  /** The plainest first. */
  readonly counted: readonly string[];
}

/** @returns the names, judged by themselves and by equal values */
export function namesInFile({ assignments }: EnvFile): FileNamesFound {
  const last = new Map(assignments.map(({ name, value }) => [name, value]));
  const equal = (one: string, other: string) => {
    const [a, b] = [last.get(one), last.get(other)];
    return a !== undefined && b !== undefined && a.length > 0 && a.equals(b);
  };
  const names = [...last.keys()];
  return { possible: names.filter(isJwtName), counted: jwtNamesIn(names, equal) };
}

/** Names that a person gives; by default those of `rekey env`. */
export interface GivenNames {
  readonly signing?: string;
  readonly fallbacks: string;
  readonly keyId: string;
}

/**
 * @param path as people wrote it
 * @param where the place at which a person can choose the name of the signing key
 * @throws EnvError if there is no such file, or no key in it
 */
export async function readKeysOfFile(
  path: string,
  { signing, fallbacks, keyId }: GivenNames,
  where: string,
): Promise<FileKeys & { readonly kid?: string }> {
  const reading = await readBounded(path);
  if (reading.kind === 'Missing') throw new EnvError(`${path}: there is no such file`);
  if (reading.kind === 'Unreadable') throw new EnvError(`${path}: ${reading.why}`);
  try {
    const file = parseEnv(reading.bytes, path);
    const { counted } = namesInFile(file);
    const names = signing !== undefined ? [signing] : counted.length > 0 ? counted : ['JWT_SECRET_KEY'];
    const kid = lastOf(file, keyId)?.value?.toString('utf8');
    return { ...keysOfFile(file, names, fallbacks, where), ...(kid && { kid }) };
  } finally {
    reading.bytes.fill(0);
  }
}
