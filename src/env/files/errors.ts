import { EnvError } from '../error.ts';

/** A problem with files, for people: the path and what to do, never a byte of a file. */
export class FileError extends EnvError {}

/** Somebody has changed a file since it was read: the same command, run again, reads what is there now. */
export class ChangedMeanwhile extends FileError {}

/** Files that cannot be replaced. Nothing was changed. */
export class NotReplaceable extends FileError {
  /** As the step named them, absolute. */
  readonly paths: readonly string[];

  constructor(troubles: readonly { readonly path: string; readonly error: FileError }[]) {
    super([...new Set(troubles.map(({ error }) => error.message))].join('\n'));
    this.paths = troubles.map(({ path }) => path);
  }
}

const TROUBLES: Readonly<Record<string, string>> = {
  EACCES: 'you may not read or write it, or its folder',
  EBUSY: 'it is in use, or a mount point',
  EDQUOT: 'your share of the disk is used up',
  EEXIST: 'it is there already',
  EIO: 'the disk has a fault',
  EISDIR: 'it is a folder',
  ELOOP: 'its symbolic links go in a circle',
  EMFILE: 'too many files are open',
  ENOENT: 'it is not there, or its folder is not',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'its folder is not a folder',
  EPERM: 'this user may not do that, or the file is immutable',
  EROFS: 'the file system is read-only',
};

/** @returns the error of a file system call in words; a FileError unchanged */
export function fileError(error: unknown, path: string): FileError {
  if (error instanceof FileError) return error;
  return new FileError(`${path}: ${troubleOf(error)}`, { cause: error });
}

/** @returns why a call failed, without the path */
function troubleOf(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  return code === undefined ? 'it cannot be used' : (TROUBLES[code] ?? code);
}

/** @throws FileError for any error of `work` */
export async function about<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw fileError(error, path);
  }
}

/** @returns whether the call failed because there is no such file */
export const isMissing = (error: unknown): boolean => (error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
