/** Which process holds the lock of a state folder, for the message to a second run. */
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { remove } from './disk.ts';
import { makeOwned } from './owner.ts';

/** @returns the file that names the holder of a lock: no .json, so it is not the state of an environment, whatever that is called */
export const holderFile = (lock: string): string => `${lock}.holder`;
/** The lock of a whole state folder: its file there. */
export const FOLDER_LOCK = 'lock';
/** The name in former versions, which is also that of the state of an environment called `holder`. */
const FORMER = 'holder.json';

interface Holder {
  readonly pid: number;
  /** ISO 8601. */
  readonly since: string;
}

/** Writes the whole file or none, since a second run may read it meanwhile. */
export async function writeHolder(path: string): Promise<void> {
  const holder: Holder = { pid: process.pid, since: new Date().toISOString() };
  const draft = `${path}.draft`;
  makeOwned(draft);
  await writeFile(draft, JSON.stringify(holder), { mode: 0o600 });
  await rename(draft, path);
}

/** @returns undefined if the file is from a killed run, and the new holder has not written its own yet */
export async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    const holder = JSON.parse(await readFile(path, 'utf8')) as Holder;
    return isAlive(holder.pid) ? holder : undefined;
  } catch {
    return undefined;
  }
}

/** @returns whether this is what a former version wrote of the holder, and no state */
export function isFormerHolder(bytes: Buffer): boolean {
  try {
    const { pid, since, format } = JSON.parse(bytes.toString('utf8')) as Readonly<Record<string, unknown>>;
    return typeof pid === 'number' && typeof since === 'string' && format === undefined;
  } catch {
    return false;
  }
}

/**
 * Removes what a killed run of a former version left. The caller holds the lock, so that run is over.
 *
 * @throws FileError if it is there and cannot be removed
 */
export async function removeFormer(stateFolder: string): Promise<void> {
  const path = join(stateFolder, FORMER);
  const bytes = await readFile(path).catch(() => undefined);
  if (bytes !== undefined && isFormerHolder(bytes)) await remove(path);
}

/** @returns whether a run of rekey has the lock of the state folder now, as far as it has said so */
export async function isAtWork(stateFolder: string): Promise<boolean> {
  return (await readHolder(join(stateFolder, holderFile(FOLDER_LOCK)))) !== undefined;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
