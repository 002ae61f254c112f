/**
 * Replaces the files of a step, all of them or none.
 */
import { access } from 'node:fs/promises';
import { dirname } from 'node:path';
import { move, remove, syncFolder } from './disk.ts';
import { FileError } from './errors.ts';
import { discard, enter, type Journal, type Standing, standingOf, standings } from './journal.ts';
import type { Entry } from './journal-text.ts';

/** Somebody has edited a file of the step: it has neither its old contents nor the new ones. */
export class EditedError extends FileError {}

/**
 * Replaces every file that has its old contents.
 *
 * @param journal in phase `commit`
 * @returns it in phase `done`
 * @throws EditedError; before replacing anything if the edit is older than this call
 * @throws FileError if one cannot be replaced
 */
export async function replaceAll(journal: Journal): Promise<Journal> {
  refuseEdited(editedOf(await standings(journal.entries)));
  for (const entry of journal.entries) {
    const standing = await standingOf(entry);
    if (standing === 'edited') refuseEdited([entry]);
    if (standing === 'before') await move(entry.fresh, entry.target);
    else await syncFolder(dirname(entry.target));
  }
  return enter(journal, 'done');
}

/**
 * Restores the old contents of every replaced file, and cleans up.
 *
 * @param journal in phase `commit` or `undo`
 * @throws EditedError if somebody has edited a replaced file; that file stays as it is, and the others are restored
 */
export async function undoAll(journal: Journal): Promise<void> {
  const undoing = journal.phase === 'undo' ? journal : await enter(journal, 'undo');
  const edited: Entry[] = [];
  for (const entry of undoing.entries.toReversed()) {
    const standing = await standingOf(entry);
    if (standing === 'after') await putBack(entry);
    if (standing === 'edited' && (await wasReplaced(entry))) edited.push(entry);
  }
  refuseEdited(edited);
  await discard(await enter(undoing, 'done'));
}

async function putBack({ target, old }: Entry): Promise<void> {
  if (old !== null) return move(old, target);
  await remove(target);
  await syncFolder(dirname(target));
}

/** The file with the new contents is gone once it is at the target. */
const wasReplaced = ({ fresh }: Entry): Promise<boolean> =>
  access(fresh).then(
    () => false,
    () => true,
  );

const editedOf = (found: ReadonlyMap<Entry, Standing>): readonly Entry[] =>
  [...found].filter(([, standing]) => standing === 'edited').map(([entry]) => entry);

function refuseEdited(edited: readonly Entry[]): void {
  if (edited.length === 0) return;
  const paths = edited.map(({ target }) => target).join(', ');
  throw new EditedError(`${paths}: somebody else has edited this meanwhile, and rekey overwrites no edit`);
}
