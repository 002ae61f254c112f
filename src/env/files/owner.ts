/**
 * Whose the files of a state folder are. What root makes in the folder of a user belongs to that user, who could not go on
 * otherwise.
 */
import { closeSync, constants, fchownSync, openSync, statSync } from 'node:fs';
import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { shellWord } from '../finding.ts';
import type { Owner } from './disk.ts';

/** @returns the owner of a new file in this folder; undefined for the current user */
export function ownerIn(folder: string): Owner | undefined {
  if (process.geteuid?.() !== 0) return undefined;
  const { uid, gid } = statSync(folder);
  return { uid, gid, path: folder };
}

/**
 * Makes an empty file if it is absent, where it would have another owner otherwise. An existing one is not touched: it may
 * be a link to any file of the machine. Nothing else of this process runs meanwhile, since to close a file gives up the
 * locks that the process has of it.
 */
export function makeOwned(path: string): void {
  const owner = ownerIn(dirname(path));
  if (owner === undefined) return;
  let file: number;
  try {
    file = openSync(path, 'wx', 0o600);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return;
    throw error;
  }
  try {
    fchownSync(file, owner.uid, owner.gid);
  } finally {
    closeSync(file);
  }
}

/** Makes a folder that nobody else may read, of the owner of the folder that it is in. */
export async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { mode: 0o700 });
  const owner = ownerIn(dirname(path));
  if (owner === undefined) return;
  await using folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  await folder.chown(owner.uid, owner.gid);
}

/**
 * @param uid of what this user may not write
 * @param folder the state folder, all of which this user needs
 * @returns whose it is and what to do, as sentences
 */
export function ownText(uid: number, folder: string): string {
  const [own, group] = [process.geteuid?.() ?? uid, process.getegid?.()];
  if (uid === own) return `It is yours; run: chmod -R u+rwX ${shellWord(folder)}`;
  const whose = uid === 0 ? 'root' : `the user with the id ${uid}`;
  return `It belongs to ${whose}; run: sudo chown -R ${own}:${group} ${shellWord(folder)}`;
}
