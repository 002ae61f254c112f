/** Makes way for a file where something stands that cannot be read: another user's file, a folder, a link to nothing. */
import { rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { shellWord } from '../finding.ts';
import { syncFolder } from './disk.ts';
import { FileError, isMissing } from './errors.ts';

/**
 * Renames what is at a path, which takes no right to read it, and puts it back if the work fails. Where there is nothing,
 * it only works.
 *
 * @throws FileError if it cannot be renamed, with what to do
 */
export async function movedAside<T>(path: string, aside: string, work: () => Promise<T>): Promise<T> {
  const moved = await rename(path, aside).then(
    () => true,
    (error: unknown) => {
      if (isMissing(error)) return false;
      const way = `sudo mv ${shellWord(path)} ${shellWord(aside)}`;
      const what = 'it can neither be read nor moved away, and nothing was written';
      throw new FileError(`${path}: ${what}. Run: ${way}, then this command again`, { cause: error });
    },
  );
  if (!moved) return work();
  await syncFolder(dirname(path));
  try {
    return await work();
  } catch (error) {
    await rename(aside, path).catch(() => undefined);
    throw error;
  }
}
