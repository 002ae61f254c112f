import { watch } from 'node:fs';
import { readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { type KeySource, type Keyset, readKeyset } from './keyset.ts';

/** A keyset that follows the files of a mounted Secret. */
export interface MountedKeyset {
  current(): Keyset;
  close(): void;
}

const FILES = ['JWT_SECRET_KEY', 'JWT_SECRET_KEY_FALLBACKS', 'JWT_KEY_ID'] as const;

/**
 * Loads the keyset from the directory where the Secret is mounted and loads it again whenever the kubelet swaps the
 * `..data` link. The *directory* is watched: a watch on a file follows the inode that the swap leaves behind. A mount
 * with `subPath` is never swapped and so never reloads.
 *
 * Files that cannot be used leave the last good keyset in force: refusing every token would be worse.
 *
 * @param settings the rest of the environment, for `KEY_MODE`
 * @param report told of each reload, and of each one that failed
 * @throws KeysetError when the first load finds a key missing or too short
 */
export async function mountKeyset(
  directory: string,
  settings: KeySource,
  report: (event: string, error?: Error) => void,
): Promise<MountedKeyset> {
  let dirty = false;
  let loading = true;
  let keyset: Keyset | undefined;

  const reload = async (): Promise<void> => {
    if (loading) return;
    loading = true;
    while (dirty) {
      dirty = false;
      try {
        keyset = await load(directory, settings);
        report('keyset reloaded');
      } catch (error) {
        report('keyset not reloaded', error instanceof Error ? error : new Error(String(error)));
      }
    }
    loading = false;
  };

  // The watch starts before the first read, so a swap between the two is not lost.
  const watcher = watch(directory, () => {
    dirty = true;
    void reload();
  });
  try {
    keyset = await load(directory, settings);
  } catch (error) {
    watcher.close();
    throw error;
  }
  loading = false;
  void reload();
  const first = keyset;
  return { current: () => keyset ?? first, close: () => watcher.close() };
}

/**
 * Reads all files through one resolved `..data`, so that two versions are never mixed. The kubelet removes a version once
 * it has swapped the link: if that was meanwhile, a file that is missing says nothing, and all are read again.
 */
async function load(directory: string, settings: KeySource): Promise<Keyset> {
  const newest = (): Promise<string> => realpath(join(directory, '..data')).catch(() => directory);
  const files: Record<string, string | undefined> = {};
  let version: string;
  do {
    version = await newest();
    for (const name of FILES) files[name] = await readFile(join(version, name), 'utf8').catch(() => undefined);
  } while (version !== (await newest()));
  return readKeyset({ KEY_MODE: settings.KEY_MODE, ...files });
}
