/**
 * Files of several services that one step replaces, in the ways in which they lie about: plain, behind a symbolic link, new,
 * another user's, on another file system.
 */
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Change } from '../../../src/env/files/transaction.ts';

/** Looks like a key, so that what is left of it anywhere is found. */
export const OLD_KEY = `0ld${'5a'.repeat(30)}`;
export const NEW_KEY = `new${'c3'.repeat(30)}`;

interface Planned {
  readonly path: string;
  /** Undefined: the file is new. */
  readonly old: string | undefined;
  readonly fresh: string;
  readonly mode: number;
}

export interface Scene {
  readonly roots: readonly string[];
  readonly state: string;
  readonly files: readonly Planned[];
  readonly changes: readonly Change[];
}

/** A file system in memory, where there is one: a sync takes no time there. */
const [fast, other] = ((): readonly [string, string | undefined] => {
  try {
    return statSync('/dev/shm').dev === statSync(tmpdir()).dev ? [tmpdir(), undefined] : ['/dev/shm', tmpdir()];
  } catch {
    return [tmpdir(), undefined];
  }
})();

/** Whether there is a second file system to put a file on. */
export const hasOtherDevice = other !== undefined;

/** Where folders of tests are made that sync often. */
export const fastFolder = fast;

/** Makes the files in fresh folders. @param isFar whether one is on another file system, if there is one */
export function makeScene(isFar: boolean): Scene {
  const root = mkdtempSync(join(fast, 'rekey-step-'));
  const far = other === undefined || !isFar ? undefined : mkdtempSync(join(other, 'rekey-step-'));
  return describeScene(root, far, true);
}

/** The same scene in another process. */
export function openScene([root = '', far]: readonly string[]): Scene {
  return describeScene(root, far, false);
}

function describeScene(root: string, far: string | undefined, create: boolean): Scene {
  const text = (name: string, key: string) => `# ${name}\nJWT_SECRET_KEY=${key}\nOTHER='x y'\n`;
  const file = (path: string, mode: number): Planned => ({
    path,
    old: text(path, OLD_KEY),
    fresh: text(path, NEW_KEY),
    mode,
  });
  const files = [
    file(join(root, 'api', '.env'), 0o640),
    file(join(root, 'web', '.env'), 0o600),
    { ...file(join(root, 'new', '.env'), 0o600), old: undefined },
    ...(far === undefined ? [] : [file(join(far, '.env'), 0o664)]),
  ];
  if (create) for (const each of files) lay(each, root);
  const changes = files.map(({ path, old, fresh }) => ({
    path,
    before: old === undefined ? undefined : Buffer.from(old),
    after: Buffer.from(fresh),
  }));
  return { roots: far === undefined ? [root] : [root, far], state: join(root, '.rekey'), files, changes };
}

function lay({ path, old, mode }: Planned, root: string): void {
  mkdirSync(join(path, '..'), { recursive: true });
  if (old === undefined) return;
  const isLinked = path === join(root, 'web', '.env');
  const real = isLinked ? join(root, 'web', 'real.env') : path;
  if (isLinked) symlinkSync('real.env', path);
  writeFileSync(real, old);
  chmodSync(real, mode);
  if (process.geteuid?.() === 0) chownSync(real, 1234, 4321);
}

export type Outcome = 'old' | 'new';

/** @returns which contents all files have @throws Error if they are mixed, torn, or something is left or lost */
export function judge(scene: Scene): Outcome {
  const found = scene.files.map(({ path, old, fresh }) => {
    const now = readOr(path);
    if (now === fresh) return 'new';
    if (now === old) return 'old';
    throw new Error(`torn: ${path}`);
  });
  if (new Set(found).size !== 1) throw new Error(`mixed: ${found.join(' ')}`);
  for (const file of scene.files) checkRights(scene, file);
  const left = scene.roots.flatMap(filesBelow).filter((path) => !isExpected(scene, path));
  if (left.length > 0) throw new Error(`left behind: ${left.join(' ')}`);
  return found[0] as Outcome;
}

function checkRights({ roots: [root = ''] }: Scene, { path, old, mode }: Planned): void {
  if (readOr(path) === undefined) return;
  const state = statSync(path);
  if ((state.mode & 0o7777) !== mode) throw new Error(`mode of ${path}: ${state.mode.toString(8)}`);
  const isForeign = old !== undefined && process.geteuid?.() === 0;
  if (isForeign && (state.uid !== 1234 || state.gid !== 4321)) throw new Error(`owner of ${path}`);
  const isLink = lstatSync(path).isSymbolicLink();
  if (isLink !== (path === join(root, 'web', '.env'))) throw new Error(`link at ${path}`);
}

const isExpected = ({ files, state, roots: [root = ''] }: Scene, path: string): boolean =>
  path === join(state, '.gitignore') ||
  path === join(root, 'web', 'real.env') ||
  files.some((each) => each.path === path);

function filesBelow(folder: string): readonly string[] {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true });
  const left = entries.filter((entry) => !entry.isDirectory() || entry.name === 'step');
  return left.map((entry) => join(entry.parentPath, entry.name));
}

function readOr(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

/** Removes its folders. */
export function dropScene({ roots }: Scene): void {
  for (const root of roots) rmSync(root, { recursive: true });
}
