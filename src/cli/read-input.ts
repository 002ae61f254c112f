/**
 * Reads what a person pipes in, or a file, within a bound.
 */
import { createReadStream } from 'node:fs';

/**
 * No more than a little beyond the limit: a device has no end.
 *
 * @param path `-` for standard input
 * @throws what reading throws
 */
export async function readInput(path: string, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  // not at once: whoever writes into a pipe may take his time
  for await (const chunk of path === '-' ? process.stdin : createReadStream(path)) {
    chunks.push(chunk as Buffer);
    size += (chunk as Buffer).length;
    if (size > maxBytes) break;
  }
  return Buffer.concat(chunks);
}
