/** Requires, before a key is written into files, that Git does not keep them. */
import { lstat, realpath } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { defined } from '../base/objects.ts';
import type { EnvironmentFiles } from './environment.ts';
import { EnvError } from './error.ts';
import { type GitFacts, gitFacts } from './git.ts';
import { gitCommands, subjectOf } from './git-commands.ts';

/** An emergency waits no longer for Git, whose silence does not stop it. */
const URGENT_MS = 2_000;

const NO_ANSWER: GitFacts = { tracked: 'unknown', ignored: 'unknown', why: 'no answer' };

/**
 * Nobody else should wait for Git: call it without the lock.
 *
 * @param urgent a missing answer of Git does not stop the write
 * @throws EnvError naming each file that Git tracks, does not ignore, or gives no answer about, with the commands that
 *   fix it
 */
export async function refuseCommitted({ files, name, config }: EnvironmentFiles, urgent = false): Promise<void> {
  const paths = files.map(({ path }) => path);
  const facts = await gitFacts(paths, urgent ? URGENT_MS : undefined);
  const root = await realpath(config.root);
  const remedy = `run rekey env emergency ${name} then`;
  refuse(files.map(({ path, shown }) => troubleOf(shown, facts.get(path) ?? NO_ANSWER, { root, remedy, urgent })));
}

/**
 * The same for one file, which may not be there yet.
 *
 * @param shown as a person wrote it, absolute or from `folder`; its folder exists
 * @param folder where the command runs, absolute
 * @throws EnvError as {@link refuseCommitted}, or if it is a symbolic link to nothing
 */
export async function refuseCommittedFile(shown: string, folder: string): Promise<void> {
  const path = resolve(folder, shown);
  if (await leadsNowhere(path)) {
    throw new EnvError(`${shown}: this symbolic link leads nowhere; make its target, or remove it`);
  }
  const facts = await gitFacts([path]);
  const remedy = 'replace every key that was in it';
  const real = join(await realpath(dirname(path)), basename(path));
  refuse([troubleOf(shown, facts.get(path) ?? NO_ANSWER, { root: await realpath(folder), remedy, real })]);
}

/** Git cannot be asked about what a write would make there. */
async function leadsNowhere(path: string): Promise<boolean> {
  const isThere = (look: Promise<unknown>) =>
    look.then(
      () => true,
      () => false,
    );
  return (await isThere(lstat(path))) && !(await isThere(realpath(path)));
}

interface Circumstances {
  /** Where the commands run, absolute, with all links resolved. */
  readonly root: string;
  /** What to do about a key that was committed. */
  readonly remedy: string;
  /** Absolute, if `shown` is no path from there. */
  readonly real?: string;
  readonly urgent?: boolean;
}

/** @returns undefined if nothing stands against a key in the file */
function troubleOf(shown: string, git: GitFacts, { root, remedy, real, urgent = false }: Circumstances) {
  const target = git.target ?? real;
  const { remove, ignore } = gitCommands(shown, { ...git, ...defined({ target }) }, root);
  const subject = subjectOf(git, root);
  if (git.tracked === 'yes') {
    const leaked = `a key that was committed has leaked, so ${remedy}`;
    return `${shown}: Git tracks ${subject}. Run: ${remove} && ${ignore} (${leaked})`;
  }
  if (git.ignored === 'no' && git.repository !== undefined) {
    return `${shown}: Git does not ignore ${subject}. Run: ${ignore}`;
  }
  if (git.tracked !== 'unknown' || urgent) return undefined;
  return `${shown}: whether Git keeps ${subject} is not known (${git.why ?? 'no answer'})`;
}

function refuse(troubles: readonly (string | undefined)[]): void {
  const found = troubles.filter((trouble) => trouble !== undefined);
  if (found.length > 0) throw new EnvError(`${found.join('\n')}\nNothing was written`);
}
