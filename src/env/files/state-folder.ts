/** The folder beside rekey.yaml with rekey's state. Nobody else may read it, and Git ignores it. */
import { chmod, lstat, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder } from './disk.ts';
import { about, FileError } from './errors.ts';
import { makeFolder, makeOwned, ownText } from './owner.ts';

/**
 * Makes the folder if it is absent, and removes access for others.
 *
 * @param path its parent folder must exist
 * @throws FileError
 */
export async function ensureStateFolder(path: string): Promise<void> {
  const made = await about(path, () => makeFolder(path).then(() => true, unlessThere));
  const state = await about(path, () => lstat(path));
  if (!state.isDirectory()) throw new FileError(`${path}: this must be a folder of its own; move what is there away`);
  const uid = process.geteuid?.() ?? state.uid;
  if (state.uid !== uid && uid !== 0)
    throw new FileError(`${path}: you may not write here; nothing was written. ${ownText(state.uid, path)}`);
  if ((state.mode & 0o777) !== 0o700) await about(path, () => chmod(path, 0o700));
  const ignore = join(path, '.gitignore');
  if (!(await isIgnored(ignore))) await about(ignore, () => ignoreAll(ignore));
  if (made) await syncFolder(join(path, '..'));
}

async function ignoreAll(ignore: string): Promise<void> {
  makeOwned(ignore);
  await writeFile(ignore, '*\n');
}

function unlessThere(error: NodeJS.ErrnoException): boolean {
  if (error.code === 'EEXIST') return false;
  throw error;
}

async function isIgnored(ignore: string): Promise<boolean> {
  const text = await readFile(ignore, 'utf8').catch(() => '');
  return text.split('\n').includes('*');
}
