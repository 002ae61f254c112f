/**
 * All files of one step are replaced, or none, whatever is cut off when. Whoever calls this holds the lock of the state folder.
 */
import { randomBytes } from 'node:crypto';
import { EditedError, replaceAll, undoAll } from './apply.ts';
import { FileError } from './errors.ts';
import { discard, enter, type Journal, prepare, readJournal } from './journal.ts';
import { ensureStateFolder } from './state-folder.ts';
import { type Change, inspectAll } from './target.ts';

export { FileError } from './errors.ts';
export type { Change } from './target.ts';

/**
 * Replaces the files. Mode and owner stay; access control lists and extended attributes do not.
 *
 * @param stateFolder beside rekey.yaml; made if it is not there
 * @returns what is left to do although all files are replaced, for people: the journal is still there. Usually undefined
 * @throws FileError with nothing changed, or one that says that {@link recover} must undo what was begun
 */
export async function commit(stateFolder: string, changes: readonly Change[]): Promise<string | undefined> {
  await ensureStateFolder(stateFolder);
  if (await readJournal(stateFolder)) {
    throw new FileError(`${stateFolder}: the last step was cut off, and must be recovered before the next`);
  }
  const targets = await inspectAll(stateFolder, changes);
  const changing = targets.filter(({ before, after }) => !before?.equals(after));
  if (changing.length === 0) return undefined;
  let done: Journal;
  try {
    const plan = await prepare(stateFolder, randomBytes(4).toString('hex'), changing);
    done = await replaceAll(await enter(plan, 'commit'));
  } catch (error) {
    return settle(stateFolder, error);
  }
  return tidy(done);
}

/**
 * Ends a step that was cut off: all its files are replaced, or none. To be called before anything is read.
 *
 * @returns what it did, for people; undefined if there was nothing to do
 * @throws FileError if it cannot go on, or somebody has edited one of the files since: rekey overwrites no edit
 */
export async function recover(stateFolder: string): Promise<string | undefined> {
  const journal = await readJournal(stateFolder);
  if (journal === undefined) return undefined;
  try {
    return await resume(stateFolder, journal);
  } catch (error) {
    if (!(error instanceof EditedError)) throw error;
    const next = `Undo the edit and run rekey again, or remove ${journal.folder} (it holds keys) and make the files alike yourself`;
    throw new FileError(`${error.message}. The last step was cut off. ${next}.`, { cause: error });
  }
}

async function resume(stateFolder: string, journal: Journal): Promise<string> {
  const files = journal.entries.map(({ target }) => target).join(', ');
  if (journal.phase === 'commit') {
    return (await finish(stateFolder, journal)) ?? `the last step was cut off, and is finished now: ${files}`;
  }
  if (journal.phase === 'undo') {
    await undoAll(journal);
    return `the last step was cut off; its files have their old contents back: ${files}`;
  }
  await discard(journal);
  if (journal.phase === 'done') return `the last step was cut off when it tidied up; that is done now: ${files}`;
  return `the last step was cut off before it changed a file${files === '' ? '' : `: ${files}`}`;
}

async function finish(stateFolder: string, journal: Journal): Promise<string | undefined> {
  let done: Journal;
  try {
    done = await replaceAll(journal);
  } catch (error) {
    // nothing is undone behind the back of whoever made the edit
    if (error instanceof EditedError) throw error;
    return settle(stateFolder, error);
  }
  return tidy(done);
}

/**
 * Something failed, at any point: undoes what was begun.
 *
 * @returns as {@link commit}, if what failed came after all files were replaced
 * @throws what failed, after all was undone; a FileError that says so if it cannot be undone
 */
async function settle(stateFolder: string, failed: unknown): Promise<string | undefined> {
  try {
    // the disk knows how far it came
    const journal = await readJournal(stateFolder);
    if (journal?.phase === 'done') return await tidy(journal);
    if (journal?.phase === 'plan') await discard(journal);
    else if (journal !== undefined) await undoAll(journal);
  } catch (error) {
    const reasons = [failed, error].map((each) => (each as Error).message).join('; and then: ');
    const next = `What was begun is not undone yet, and ${stateFolder} holds keys: put this right and run rekey again.`;
    throw new FileError(`${reasons}. ${next}`, { cause: failed });
  }
  throw failed;
}

async function tidy(done: Journal): Promise<string | undefined> {
  try {
    await discard(done);
    return undefined;
  } catch (error) {
    return `all files are replaced, but the journal ${done.folder}, which holds keys, may still be there (${(error as Error).message}): run rekey again`;
  }
}
