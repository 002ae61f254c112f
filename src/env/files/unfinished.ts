/** A step that was cut off and cannot be ended, as somebody has edited one of its files: an emergency goes around it. */
import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { movedAside } from './aside.ts';
import { about, FileError, isMissing } from './errors.ts';
import { stepFolder } from './journal.ts';
import { recover } from './transaction.ts';

/** With what the name of a step begins that an emergency has kept, in the state folder. */
export const UNFINISHED = 'step.unfinished-';

/**
 * Ends an interrupted step, if it can be ended. The step stays as it is if not: see {@link withoutStep}.
 *
 * @returns what became of it, for people; undefined if there was none
 */
export async function recoverOrPass(stateFolder: string): Promise<string | undefined> {
  try {
    return await recover(stateFolder);
  } catch (error) {
    if (!(error instanceof FileError)) throw error;
    return `${error.message.replace(/\.$/, '')}. The emergency goes on without that step`;
  }
}

/**
 * Works without the step that was cut off: it is kept under another name, and put back if the work fails.
 *
 * @param now milliseconds since the epoch
 * @returns what the work did, and what is left to do if there was a step, for people
 */
export async function withoutStep<T>(
  stateFolder: string,
  now: number,
  work: () => Promise<T>,
): Promise<{ readonly done: T; readonly left?: string }> {
  const step = stepFolder(stateFolder);
  if (!(await about(step, () => isThere(step)))) return { done: await work() };
  const aside = join(stateFolder, `${UNFINISHED}${new Date(now).toISOString().replaceAll(':', '')}`);
  const done = await movedAside(step, aside, work);
  const what = 'the step that was cut off before is not finished, and is kept in';
  const next =
    'It holds keys: remove it as soon as the files of all environments are as they should be (rekey env status)';
  return { done, left: `${what} ${aside}. ${next}` };
}

const isThere = (path: string): Promise<boolean> =>
  lstat(path).then(
    () => true,
    (error: unknown) => {
      if (isMissing(error)) return false;
      throw error;
    },
  );
