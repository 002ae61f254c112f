/**
 * Reads and writes whole files so that they survive a power cut. Every function throws FileError.
 */
import { createHash } from 'node:crypto';
import { type FileHandle, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { about, FileError, fileError, isMissing } from './errors.ts';

/** The owner of an existing file. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
  /** For messages. */
  readonly path: string;
}

/** Owner and permissions of a file. */
export interface Rights {
  readonly mode: number;
  /** Undefined for the current user. */
  readonly owner?: Owner;
}

/** Writes a new file with these rights and syncs it. The caller syncs its folder. */
export async function writeNew(path: string, bytes: Buffer, { mode, owner }: Rights): Promise<void> {
  const file = await about(path, () => open(path, 'wx', 0o600));
  try {
    await about(path, () => file.writeFile(bytes));
    if (owner !== undefined) {
      const own = await about(path, () => file.stat());
      if (own.uid !== owner.uid || own.gid !== owner.gid) await keepOwner(owner, file);
    }
    await about(path, () => file.chmod(mode));
    await about(path, () => file.sync());
  } finally {
    await about(path, () => file.close());
  }
}

async function keepOwner({ uid, gid, path }: Owner, file: FileHandle): Promise<void> {
  try {
    await file.chown(uid, gid);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw fileError(error, path);
    throw new FileError(
      `${path}: this user cannot keep the owner and the group of it; run it as its owner, or as root`,
    );
  }
}

/** Renames, and syncs the folder of the new name. */
export async function move(from: string, to: string): Promise<void> {
  await about(to, () => rename(from, to));
  await syncFolder(dirname(to));
}

/** Removes a file, if it exists. */
export async function remove(path: string): Promise<void> {
  await about(path, () => rm(path, { force: true }));
}

/** Errors of file systems that cannot sync a folder: some in user space, and some of other systems. */
const CANNOT_SYNC = ['EINVAL', 'ENOTSUP', 'ENOSYS'];

/** A name survives a power cut only after its folder is synced. */
export async function syncFolder(path: string): Promise<void> {
  const folder = await about(path, () => open(path, 'r'));
  try {
    await about(path, () => folder.sync().catch(unlessUnable));
  } finally {
    await about(path, () => folder.close());
  }
}

function unlessUnable(error: NodeJS.ErrnoException): void {
  if (!CANNOT_SYNC.includes(error.code ?? '')) throw error;
}

/** @returns the bytes, which the caller overwrites; undefined if there is no such file */
export async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw fileError(error, path);
  }
}

/** @returns the SHA-256 of the bytes, in hex */
export function digestOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** @returns the SHA-256 of a file; null if there is no such file */
export async function digestAt(path: string): Promise<string | null> {
  const bytes = await readIfThere(path);
  if (bytes === undefined) return null;
  const digest = digestOf(bytes);
  bytes.fill(0);
  return digest;
}
