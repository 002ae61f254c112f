/**
 * Asks Git about files. A repository, no repository, and no answer are three different results: without an answer it is
 * unknown whether a file is tracked or ignored.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { realpath } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';

export type Answer = 'yes' | 'no' | 'unknown';

export type Repository =
  | { readonly kind: 'Repository' /** Absolute, with all links resolved. */; readonly root: string }
  | { readonly kind: 'None' }
  | { readonly kind: 'Unknown' /** The end of a sentence. */; readonly why: string };

/** Facts of one file. Outside a repository both are `no`. */
export interface GitFacts {
  readonly tracked: Answer;
  /** By a pattern, whether it is tracked or not. */
  readonly ignored: Answer;
  /** Absolute. */
  readonly repository?: string;
  /** Why nothing is known. */
  readonly why?: string;
}

/** A file as the next commit would hold it. */
export interface StagedBlob {
  /** From the root of the repository. */
  readonly path: string;
  /** Undefined if it is larger than the limit. */
  readonly bytes: Buffer | undefined;
}

const MAX_OUTPUT = 64 * 1024 * 1024;
const TIMEOUT_MS = 30_000;
const MAX_BLOB_BYTES = 4 * 1024 * 1024;
const MAX_STAGED = 5_000;
/** Objects in one batch: together they must stay below the limit of Git's output. */
const BATCH = 15;
/** A repository can configure programs to run. None of them is needed for reading, so they are disabled. */
const QUIET = ['--no-optional-locks', '-c', 'core.fsmonitor=false'];
/** In a hook these name the repository of the hook, but a file may be in another one. */
const OF_A_HOOK = [
  'GIT_DIR',
  'GIT_WORK_TREE',
  'GIT_INDEX_FILE',
  'GIT_PREFIX',
  'GIT_COMMON_DIR',
  'GIT_OBJECT_DIRECTORY',
];

interface Ran {
  readonly code: number | 'absent' | 'failed';
  readonly out: Buffer;
  readonly said: string;
}

function environment(inHook: boolean): NodeJS.ProcessEnv {
  const all = { ...process.env, LC_ALL: 'C', GIT_TERMINAL_PROMPT: '0' };
  return inHook ? all : Object.fromEntries(Object.entries(all).filter(([name]) => !OF_A_HOOK.includes(name)));
}

function run(folder: string, args: readonly string[], { inHook = false, input = '' } = {}): Promise<Ran> {
  return new Promise((resolve) => {
    const options = {
      cwd: folder,
      env: environment(inHook),
      encoding: 'buffer',
      maxBuffer: MAX_OUTPUT,
      timeout: TIMEOUT_MS,
    } as const;
    const child = execFile('git', [...QUIET, ...args], options, (error, out, said) => {
      const { code } = (error ?? { code: 0 }) as { readonly code?: unknown };
      const exit = typeof code === 'number' ? code : code === 'ENOENT' ? 'absent' : 'failed';
      resolve({ code: exit, out, said: said.toString('utf8').trim() });
    });
    // the program may have ended before it reads its input
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });
}

/** @param folder that exists */
export async function repositoryOf(folder: string, inHook = false): Promise<Repository> {
  const { code, out, said } = await run(folder, ['rev-parse', '--show-toplevel'], { inHook });
  if (code === 0) return { kind: 'Repository', root: lineOf(out) };
  if (code === 'absent') {
    return hasGitFolder(folder) ? { kind: 'Unknown', why: 'git is not installed' } : { kind: 'None' };
  }
  if (said.includes('not a git repository')) return { kind: 'None' };
  return { kind: 'Unknown', why: whyOf(said) };
}

/** Without the git program, a folder is in no repository if no folder above it is one. */
function hasGitFolder(folder: string): boolean {
  if (existsSync(join(folder, '.git'))) return true;
  const above = dirname(folder);
  return above !== folder && hasGitFolder(above);
}

/**
 * Each file is checked in the repository of its own folder, since services may be separate repositories, side by side.
 *
 * @param files absolute paths; their folders exist
 */
export async function gitFacts(files: readonly string[]): Promise<ReadonlyMap<string, GitFacts>> {
  const facts = new Map<string, GitFacts>();
  const inside = new Map<string, string[]>();
  for (const [folder, some] of Map.groupBy(files, dirname)) {
    const repository = await repositoryOf(folder);
    for (const file of some) facts.set(file, withoutAnswer(repository));
    if (repository.kind === 'Repository')
      inside.set(repository.root, [...(inside.get(repository.root) ?? []), ...some]);
  }
  for (const [root, some] of inside) {
    for (const [file, fact] of await askedIn(root, some)) facts.set(file, fact);
  }
  return facts;
}

function withoutAnswer(repository: Repository): GitFacts {
  if (repository.kind === 'None') return { tracked: 'no', ignored: 'no' };
  const why = repository.kind === 'Unknown' ? repository.why : 'git gave no answer';
  return { tracked: 'unknown', ignored: 'unknown', why };
}

async function askedIn(root: string, files: readonly string[]): Promise<readonly (readonly [string, GitFacts])[]> {
  const named = await Promise.all(
    files.map(async (file) => [file, relative(root, join(await realpath(dirname(file)), basename(file)))] as const),
  );
  const names = named.map(([, name]) => name.split(sep).join('/'));
  const listed = await run(root, ['--literal-pathspecs', 'ls-files', '-z', '--', ...names]);
  // --no-index, because otherwise the patterns do not apply to tracked files; a name may begin like a magic pathspec
  const input = names.map((name) => `./${name}\0`).join('');
  const matched = await run(root, ['check-ignore', '-z', '--stdin', '--no-index'], { input });
  const isAnswer = matched.code === 0 || matched.code === 1;
  if (listed.code !== 0 || !isAnswer) return [];
  const tracked = new Set(partsOf(listed.out));
  const ignored = new Set(partsOf(matched.out));
  const yes = (known: boolean): Answer => (known ? 'yes' : 'no');
  return files.map((file, i) => {
    const name = names[i] ?? '';
    return [file, { tracked: yes(tracked.has(name)), ignored: yes(ignored.has(`./${name}`)), repository: root }];
  });
}

/** @returns whether there is a commit yet */
export async function hasCommit(root: string): Promise<boolean> {
  return (await run(root, ['rev-parse', '--verify', '--quiet', 'HEAD'], { inHook: true })).code === 0;
}

/**
 * The files that the next commit changes or adds. In a hook it reads the index of the hook.
 *
 * @param root of the repository
 * @throws Error with the message of Git
 */
export async function stagedBlobs(
  root: string,
): Promise<{ readonly blobs: readonly StagedBlob[]; readonly rest: number }> {
  const args = [
    'diff',
    '--cached',
    '--raw',
    '-z',
    '--no-abbrev',
    '--no-renames',
    '--diff-filter=d',
    '--ignore-submodules',
  ];
  const { code, out, said } = await run(root, args, { inHook: true });
  if (code !== 0) throw new Error(`git diff --cached: ${whyOf(said)}`);
  const fields = partsOf(out);
  // `:100644 100644 OLD NEW M`, then the path
  const staged = fields.flatMap((field, i) => {
    const [, , , id] = field.startsWith(':') ? field.split(' ') : [];
    return id === undefined ? [] : [{ id, path: fields[i + 1] ?? '' }];
  });
  const looked = staged.slice(0, MAX_STAGED);
  const contents = await contentsOf(root, [...new Set(looked.map(({ id }) => id))]);
  const blobs = looked.map(({ id, path }) => ({ path, bytes: contents.get(id) }));
  return { blobs, rest: staged.length - looked.length };
}

async function contentsOf(root: string, ids: readonly string[]): Promise<ReadonlyMap<string, Buffer>> {
  const lines = (some: readonly string[]) => some.map((id) => `${id}\n`).join('');
  const sizes = await run(root, ['cat-file', '--batch-check'], { inHook: true, input: lines(ids) });
  if (sizes.code !== 0) throw new Error(`git cat-file: ${whyOf(sizes.said)}`);
  const described = lineOf(sizes.out)
    .split('\n')
    .map((line) => line.split(' '));
  const small = described.flatMap(([id = '', type, size]) => {
    return type === 'blob' && Number(size) <= MAX_BLOB_BYTES ? [id] : [];
  });
  const contents = new Map<string, Buffer>();
  for (let i = 0; i < small.length; i += BATCH) {
    const batch = await run(root, ['cat-file', '--batch'], { inHook: true, input: lines(small.slice(i, i + BATCH)) });
    if (batch.code !== 0) throw new Error(`git cat-file: ${whyOf(batch.said)}`);
    for (const [id, bytes] of objectsIn(batch.out)) contents.set(id, bytes);
  }
  return contents;
}

/** Each as `ID blob SIZE`, a newline, the bytes, a newline. */
function* objectsIn(out: Buffer): Generator<readonly [id: string, bytes: Buffer]> {
  let at = 0;
  while (at < out.length) {
    const end = out.indexOf('\n', at);
    const [id = '', , size] = out.toString('utf8', at, end).split(' ');
    at = end + 1 + Number(size);
    yield [id, out.subarray(end + 1, at)];
    at += 1;
  }
}

function partsOf(out: Buffer): readonly string[] {
  return out
    .toString('utf8')
    .split('\0')
    .filter((part) => part !== '');
}

function lineOf(out: Buffer): string {
  return out.toString('utf8').replace(/\r?\n$/, '');
}

function whyOf(said: string): string {
  const [first = ''] = said.split('\n');
  return `git says "${first.replace(/^fatal: /, '') || 'nothing'}"`;
}
