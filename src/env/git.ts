/**
 * Asks Git about files. A repository, no repository, and no answer are three different results: without an answer it is
 * unknown whether a file is tracked or ignored.
 */
import { lstatSync } from 'node:fs';
import { lstat, realpath } from 'node:fs/promises';
import { basename, dirname, join, relative, sep } from 'node:path';
import { GIT_PATIENCE_MS, lineOf, partsOf, type RunOptions, run, whyOf } from './git-run.ts';

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
export async function repositoryOf(folder: string, options: RunOptions = {}): Promise<Repository> {
  const { code, out, said } = await run(folder, ['rev-parse', '--show-toplevel'], options);
  if (code === 0) return { kind: 'Repository', root: lineOf(out) };
  if (code !== 'absent' && !said.includes('not a git repository')) return { kind: 'Unknown', why: whyOf(said) };
  const found = gitFolderAbove(await realpath(folder));
  if (found === undefined) return { kind: 'None' };
  const why = code === 'absent' ? 'git is not installed' : `there is ${found}, but ${whyOf(said)}`;
  return { kind: 'Unknown', why };
}

/**
 * Git says that there is no repository also where it cannot use one: its HEAD is missing, or the `.git` of a worktree leads
 * nowhere.
 *
 * @returns the nearest `.git` in the folder or above it; undefined if there is none
 */
function gitFolderAbove(folder: string): string | undefined {
  const here = join(folder, '.git');
  // a link to nothing is there too: a disk that is not mounted now
  if (lstatSync(here, { throwIfNoEntry: false }) !== undefined) return here;
  const above = dirname(folder);
  return above === folder ? undefined : gitFolderAbove(above);
}

/**
 * Each file is checked in the repository of its own folder, since services may be separate repositories, side by side.
 * A key is written to where a symbolic link leads, so Git is asked about the link and about its target; the worse
 * answer counts.
 *
 * @param files absolute paths; their folders exist
 * @param patienceMs for all of them together: all are asked at once, and what is not answered then is unknown
 */
export async function gitFacts(
  files: readonly string[],
  patienceMs = GIT_PATIENCE_MS,
): Promise<ReadonlyMap<string, GitFacts>> {
  const targets = new Map<string, string>();
  for (const file of files) {
    const target = await targetOf(file);
    if (target !== undefined) targets.set(file, target);
  }
  const facts = await factsAt([...new Set([...files, ...targets.values()])], AbortSignal.timeout(patienceMs));
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

async function factsAt(files: readonly string[], signal: AbortSignal): Promise<Map<string, GitFacts>> {
  const byFolder = [...Map.groupBy(files, dirname)];
  const places = await Promise.all(
    byFolder.map(async ([folder, some]) => ({ some, repository: await repositoryOf(folder, { signal }) })),
  );
  const facts = new Map(
    places.flatMap(({ some, repository }) => some.map((file) => [file, withoutAnswer(repository)] as const)),
  );
  const roots = Map.groupBy(places, ({ repository }) => (repository.kind === 'Repository' ? repository.root : ''));
  roots.delete('');
  const answers = await Promise.all(
    [...roots].map(([root, within]) =>
      askedIn(
        root,
        within.flatMap(({ some }) => some),
        signal,
      ),
    ),
  );
  return new Map([...facts, ...answers.flat()]);
}

function withoutAnswer(repository: Repository): GitFacts {
  if (repository.kind === 'None') return { tracked: 'no', ignored: 'no' };
  const why = repository.kind === 'Unknown' ? repository.why : 'git gave no answer';
  return { tracked: 'unknown', ignored: 'unknown', why };
}

async function askedIn(
  root: string,
  files: readonly string[],
  signal: AbortSignal,
): Promise<readonly (readonly [string, GitFacts])[]> {
  const named = await Promise.all(
    files.map(async (file) => [file, relative(root, join(await realpath(dirname(file)), basename(file)))] as const),
  );
  const names = named.map(([, name]) => name.split(sep).join('/'));
  // --no-index, because otherwise the patterns do not apply to tracked files; a name may begin like a magic pathspec
  const input = names.map((name) => `./${name}\0`).join('');
  const [listed, matched] = await Promise.all([
    run(root, ['--literal-pathspecs', 'ls-files', '-z', '--', ...names], { signal }),
    run(root, ['check-ignore', '-z', '--stdin', '--no-index'], { input, signal }),
  ]);
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
