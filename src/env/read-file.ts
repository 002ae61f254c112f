/**
 * Reads one file, within bounds: a pipe is not waited for, and nobody's disk image is taken for a .env file.
 */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { fileTrouble } from '../rotation/people/text.ts';

export interface ReadFile {
  readonly kind: 'Read';
  readonly bytes: Buffer;
  /** Permission bits, such as 0o600. */
  readonly mode: number;
  /** When its content changed last, milliseconds since the epoch. */
  readonly changedAt: number;
}

export type FileReading =
  | ReadFile
  | { readonly kind: 'Missing' }
  | {
      readonly kind: 'Unreadable' /** A sentence without its subject, such as `it is a folder`. */;
      readonly why: string;
    };

const MAX_BYTES = 1024 * 1024;

/** @param path absolute */
export async function readBounded(path: string): Promise<FileReading> {
  try {
    // without O_NONBLOCK a named pipe would be waited for
    await using file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    const stats = await file.stat();
    const { size, mode, mtimeMs } = stats;
    if (!stats.isFile())
      return { kind: 'Unreadable', why: stats.isDirectory() ? 'it is a folder' : 'it is not a regular file' };
    if (size > MAX_BYTES) return { kind: 'Unreadable', why: `it is larger than ${MAX_BYTES} bytes` };
    const bytes = Buffer.alloc(size);
    const { bytesRead } = await file.read(bytes, 0, size, 0);
    return { kind: 'Read', bytes: bytes.subarray(0, bytesRead), mode: mode & 0o777, changedAt: mtimeMs };
  } catch (error) {
    const { code } = error as { readonly code?: unknown };
    return code === 'ENOENT' || code === 'ENOTDIR'
      ? { kind: 'Missing' }
      : { kind: 'Unreadable', why: fileTrouble(error) };
  }
}
