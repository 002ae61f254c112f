/**
 * Asks Git about files. A repository, no repository, and no answer are three different results: without an answer it is
 * unknown whether a file is tracked or ignored.
 */
import { existsSync } from 'node:fs';
import { lstat, realpath } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';
import { lineOf, partsOf, run, whyOf } from './git-run.ts';

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
  /** Absolute: what the path leads to, if the facts are of that and not of the symbolic link. */
  readonly target?: string;
  /** Why nothing is known. */
  readonly why?: string;
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
 * A key is written to where a symbolic link leads, so Git is asked about the link and about its target; the worse
 * answer counts.
 *
 * @param files absolute paths; their folders exist
 */
export async function gitFacts(files: readonly string[]): Promise<ReadonlyMap<string, GitFacts>> {
  const targets = new Map<string, string>();
  for (const file of files) {
    const target = await targetOf(file);
    if (target !== undefined) targets.set(file, target);
  }
  const facts = await factsAt([...new Set([...files, ...targets.values()])]);
  for (const [file, target] of targets) {
    const [own, real] = [facts.get(file), facts.get(target)];
    if (real !== undefined && (own === undefined || badness(real) > badness(own))) facts.set(file, { ...real, target });
  }
  return facts;
}

/** @returns what a symbolic link leads to, absolute; undefined if it is none, or leads to nothing */
async function targetOf(file: string): Promise<string | undefined> {
  const isLink = await lstat(file).then(
    (state) => state.isSymbolicLink(),
    () => false,
  );
  return isLink ? realpath(file).catch(() => undefined) : undefined;
}

/** How much stands against a key in the file, by what is known. */
function badness({ tracked, ignored, repository }: GitFacts): number {
  if (tracked === 'yes') return 3;
  if (ignored === 'no' && repository !== undefined) return 2;
  return tracked === 'unknown' ? 1 : 0;
}

async function factsAt(files: readonly string[]): Promise<Map<string, GitFacts>> {
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
