/** Commands that keep a file out of Git, for people to paste. */
import { relative, sep } from 'node:path';
import { shellWord } from './finding.ts';
import type { GitFacts } from './git.ts';

export interface GitCommands {
  /** Takes it out of the index, and leaves the file. */
  readonly remove: string;
  /** Has Git ignore it. */
  readonly ignore: string;
}

/**
 * Commands to run in a folder. A repository below it, and one that a link leads to, has its own .gitignore.
 *
 * @param path from the folder, with slashes
 * @param git what Git says of it
 * @param root the folder, absolute, with all links resolved
 */
export function gitCommands(path: string, { repository, target }: GitFacts, root: string): GitCommands {
  const below = repository === undefined ? '' : slashed(relative(root, repository));
  const isBelow = below !== '' && !below.startsWith('..');
  const isElsewhere = isBelow || (target !== undefined && below !== '');
  const inside =
    target !== undefined && repository !== undefined
      ? slashed(relative(repository, target))
      : isBelow
        ? path.slice(below.length + 1)
        : path;
  const pattern = inside.replaceAll(/[\\*?[\]!# ]/g, '\\$&');
  const [git, ignored] = isElsewhere ? [`git -C ${shellWord(below)}`, `${below}/.gitignore`] : ['git', '.gitignore'];
  return {
    remove: `${git} rm --cached ${shellWord(inside)}`,
    ignore: `echo ${shellWord(pattern)} >> ${shellWord(ignored)}`,
  };
}

/** @returns what the facts are of, from a folder with all links resolved, for people: `it`, or where the link leads */
export function subjectOf({ target }: GitFacts, root: string): string {
  return target === undefined ? 'it' : `${slashed(relative(root, target))}, to which it leads`;
}

const slashed = (path: string): string => path.split(sep).join('/');
