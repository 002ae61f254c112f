/**
 * Finds the JWT keys of a folder of services without a configuration: the .env files, the service and the environment
 * of each, and the variables that hold the key. It reports what it guesses.
 */
import { realpath } from 'node:fs/promises';
import { basename, join, relative, resolve, sep } from 'node:path';
import { mapOf } from '../base/objects.ts';
import { type EnvFile, parseEnv } from './dotenv/parse.ts';
import { namesInFile } from './file-keys.ts';
import { environmentNamed, serviceNames } from './filename.ts';
import type { EnvFinding } from './finding.ts';
import { leftoverFinding } from './leftover.ts';
import { readBounded } from './read-file.ts';
import { type Found, walk } from './walk.ts';

export interface DiscoveredService {
  readonly name: string;
  /** The plainest first. */
  readonly names: readonly string[];
  /** Environment → path from the root. */
  readonly files: Readonly<Record<string, string>>;
}

export interface Discovery {
  /** Absolute. */
  readonly root: string;
  readonly services: readonly DiscoveredService[];
  /** Undefined if there is no service. */
  readonly sourceOfTruth: string | undefined;
  /** All files with a name of a JWT key, whether a service uses them or not. */
  readonly keyFiles: readonly { readonly path: string; readonly names: readonly string[] }[];
  /** What was guessed, a sentence each. */
  readonly guesses: readonly string[];
  /** What limits the search, and files that it ignores: leftovers, links, files that another one hides. */
  readonly findings: readonly EnvFinding[];
}

/** A .env file, without a byte of its values. */
interface Candidate {
  readonly path: string;
  /** As the path names it. */
  readonly service: string;
  readonly environment: string;
  /** A higher rank wins. */
  readonly rank: number;
  /** All names in it that may hold a JWT key. */
  readonly possible: readonly string[];
  /** The names that count by the rule of names.ts. */
  readonly counted: readonly string[];
}

type Looked = { readonly candidate: Candidate } | { readonly finding: EnvFinding } | undefined;

const MODE_NAMES = ['ENVIRONMENT', 'APP_ENV', 'NODE_ENV'];
const LIKELY_TRUTH = ['main', 'api', 'backend', 'server', 'auth', 'app', 'web'];

/** @param folder absolute; files above it are not searched */
export async function discover(folder: string): Promise<Discovery> {
  const { files, unsearched } = await walk(folder);
  const looked = await Promise.all(files.map((found) => look(folder, found, files)));
  const candidates = looked.flatMap((each) => (each !== undefined && 'candidate' in each ? [each.candidate] : []));
  const findings = looked.flatMap((each) => (each !== undefined && 'finding' in each ? [each.finding] : []));
  const found = servicesOf(candidates, basename(folder));
  const sourceOfTruth = likelyTruth(found);
  const isTruth = ({ name }: DiscoveredService) => name === sourceOfTruth;
  const services = [...found.filter(isTruth), ...found.filter((service) => !isTruth(service))];
  return {
    root: folder,
    services,
    sourceOfTruth,
    keyFiles: candidates.flatMap(({ path, counted }) => (counted.length > 0 ? [{ path, names: counted }] : [])),
    guesses: guessesOf(candidates, services, sourceOfTruth),
    findings: [
      ...findings,
      ...shadowed(candidates, services),
      ...unsearched.map(({ path, why }): EnvFinding => {
        return { reason: 'NotSearched', severity: 'warning', file: path, message: `not searched: ${why}` };
      }),
    ],
  };
}

async function look(root: string, found: Found, all: readonly Found[]): Promise<Looked> {
  const { path, kind, isLink } = found;
  if (kind.kind === 'Template') return undefined;
  if (isLink && kind.kind === 'Env') return { finding: await linkFinding(root, path, all) };
  const reading = await readBounded(join(root, path));
  if (reading.kind === 'Missing') return undefined;
  const unreadable = (why: string): Looked => {
    return { finding: { reason: 'FileUnreadable', severity: 'error', file: path, message: `not read: ${why}` } };
  };
  if (reading.kind === 'Unreadable') return unreadable(reading.why);
  const { bytes } = reading;
  try {
    if (kind.kind === 'Leftover') {
      const finding = leftoverFinding(path, bytes);
      return finding && { finding };
    }
    const file = parseEnv(bytes, path);
    return { candidate: { path, service: kind.service, ...namesInFile(file), ...environmentOf(kind, file) } };
  } catch (error) {
    return unreadable(withoutPath(error, path));
  } finally {
    bytes.fill(0);
  }
}

/** Removes the path, because the parser also names the file. */
function withoutPath(error: unknown, path: string): string {
  return error instanceof Error ? error.message.replace(`${path}: `, '') : 'it cannot be parsed';
}

/** As Next.js and Vite read them: `.env.production.local` before `.env.local` before `.env.production` before `.env`. */
function environmentOf(
  { environment, local }: { readonly environment: string | undefined; readonly local: boolean },
  file: EnvFile,
): Pick<Candidate, 'environment' | 'rank'> {
  if (environment !== undefined) return { environment, rank: local ? 3 : 1 };
  return { environment: modeOf(file) ?? 'development', rank: local ? 2 : 0 };
}

function modeOf({ assignments }: EnvFile): string | undefined {
  const values = MODE_NAMES.map((name) => assignments.findLast((each) => each.name === name)?.value?.toString('utf8'));
  return values.filter((value) => value !== undefined && value !== '').map((value) => environmentNamed(value ?? ''))[0];
}

/** Links are not written; their target is. */
async function linkFinding(root: string, path: string, all: readonly Found[]): Promise<EnvFinding> {
  const base = { reason: 'SymbolicLink', severity: 'warning', file: path } as const;
  try {
    const target = relative(await realpath(root), await realpath(resolve(root, path)))
      .split(sep)
      .join('/');
    if (all.some((other) => other.path === target)) {
      return {
        ...base,
        message: `a symbolic link to ${target}: it always holds the same key, and is not counted again`,
      };
    }
    const where = target.startsWith('../') ? 'a file outside of this folder' : target;
    return { ...base, message: `a symbolic link to ${where}, which was not read; name the file itself in rekey.yaml` };
  } catch {
    return { ...base, message: 'a symbolic link to nothing that can be read' };
  }
}

/** A service has a JWT key in at least one of its files; its other files may lack it. */
function servicesOf(candidates: readonly Candidate[], root: string): readonly DiscoveredService[] {
  const groups = [...Map.groupBy(candidates, ({ service }) => service)].filter(([, files]) =>
    files.some(({ counted }) => counted.length > 0),
  );
  const names = serviceNames(
    groups.map(([service]) => service),
    root,
  );
  return groups.map(([service, files]) => {
    const chosen = [...Map.groupBy(files, ({ environment }) => environment)].map(
      ([environment, some]) => [environment, chosenOf(some)] as const,
    );
    return {
      name: names.get(service) ?? service,
      names: sharedNames(chosen.map(([, file]) => file)),
      files: mapOf(chosen.map(([environment, { path }]) => [environment, path])),
    };
  });
}

/** The file of an environment from which a service takes the key. */
function chosenOf(files: readonly Candidate[]): Candidate {
  const order = files.toSorted((a, b) => b.rank - a.rank);
  const chosen = order.find(({ counted }) => counted.length > 0) ?? order.at(-1);
  if (chosen === undefined) throw new Error('there is no file');
  return chosen;
}

/** A name that counts in one environment but holds something else in another is ignored. */
function sharedNames(files: readonly Candidate[]): readonly string[] {
  const all = [...new Set(files.flatMap(({ counted }) => counted))];
  const everywhere = all.filter((name) =>
    files.every(({ possible, counted }) => counted.includes(name) || !possible.includes(name)),
  );
  return everywhere.length > 0 ? everywhere : all;
}

function likelyTruth(services: readonly DiscoveredService[]): string | undefined {
  const named = LIKELY_TRUTH.find((name) => services.some((service) => service.name === name));
  if (named !== undefined) return named;
  const [most] = services.toSorted((a, b) => Object.keys(b.files).length - Object.keys(a.files).length);
  return most?.name;
}

function guessesOf(
  candidates: readonly Candidate[],
  services: readonly DiscoveredService[],
  truth: string | undefined,
): readonly string[] {
  const used = new Set(services.flatMap(({ files }) => Object.values(files)));
  const unnamed = candidates.filter(({ path, rank }) => used.has(path) && (rank === 0 || rank === 2));
  const locals = candidates.filter(({ path, rank }) => used.has(path) && rank >= 2);
  const list = (files: readonly Candidate[]) =>
    files.map(({ path, environment }) => `${path} (${environment})`).join(', ');
  return [
    ...(truth === undefined ? [] : [`${truth} is the source of truth: the others must have its key`]),
    ...(unnamed.length === 0
      ? []
      : [`the environment, by ${MODE_NAMES.join(', ')} in the file, or development: ${list(unnamed)}`]),
    ...(locals.length === 0 ? [] : [`files that end in .local come first, as in Next.js and Vite: ${list(locals)}`]),
  ];
}

function shadowed(candidates: readonly Candidate[], services: readonly DiscoveredService[]): readonly EnvFinding[] {
  const used = new Set(services.flatMap(({ files }) => Object.values(files)));
  return candidates.flatMap((candidate) => {
    const { path, service, environment, counted } = candidate;
    const rival = candidates.find(
      (other) => other.service === service && other.environment === environment && used.has(other.path),
    );
    if (counted.length === 0 || used.has(path) || rival === undefined) return [];
    const message = `also assigns ${counted.join(', ')}, but ${rival.path} comes before it, as Next.js and Vite read them; remove it here, or name the file that the service reads in rekey.yaml`;
    return [{ reason: 'ShadowedKey', severity: 'warning', file: path, environment, message } as const];
  });
}
