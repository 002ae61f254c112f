/**
 * Replaces all files of one step or none, even if the process is interrupted. The caller holds the lock of the state
 * folder.
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
 * Replaces the files. Mode and owner stay; extended attributes do not. A file with an access control list is refused.
 *
 * @param stateFolder beside rekey.yaml; made if it is absent
 * @returns what is left to do although all files are replaced, for people, if the journal could not be removed. Usually
 *   undefined
 * @throws FileError with nothing changed, or one that says that {@link recover} must undo the step
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
 * Ends an interrupted step: all its files are replaced, or none. Call it before anything is read.
 *
 * @returns what it did, for people; undefined if there was nothing to do
 * @throws FileError if it cannot continue, or somebody has edited one of the files: rekey does not overwrite edits
 */
export async function recover(stateFolder: string): Promise<string | undefined> {
  const journal = await readJournal(stateFolder);
  if (journal === undefined) return undefined;
  try {
    return await resume(stateFolder, journal);
  } catch (error) {
    if (!(error instanceof EditedError)) throw error;
    const next = `Undo the edit and run rekey again, or remove ${journal.folder} (it holds keys) and make the files alike yourself. An emergency goes on without it`;
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
    // an edit is never undone silently
    if (error instanceof EditedError) throw error;
    return settle(stateFolder, error);
  }
  return tidy(done);
}

/**
 * Undoes a step after a failure at any point.
 *
 * @returns as {@link commit}, if the failure came after all files were replaced
 * @throws the failure, after everything was undone; a FileError that says so if that is impossible
 */
async function settle(stateFolder: string, failed: unknown): Promise<string | undefined> {
  try {
    // the journal on the disk shows how far the step came
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
