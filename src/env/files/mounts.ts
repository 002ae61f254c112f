/**
 * Finds the mount of a path. A file that is itself a mount point cannot be replaced by a rename, and no rename crosses
 * mounts.
 */
import { readFile } from 'node:fs/promises';

/** Paths of the mount points of this process; undefined if the system does not list them. */
export type Mounts = ReadonlySet<string> | undefined;

/** Reads them from Linux' /proc. */
export async function readMounts(): Promise<Mounts> {
  const text = await readFile('/proc/self/mountinfo', 'utf8').catch(() => undefined);
  const paths = text?.split('\n').map((line) => line.split(' ')[4] ?? '');
  return paths && new Set(paths.map(unescaped));
}

/** Spaces and similar characters are escaped there, such as \040. */
function unescaped(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** @returns the mount point of a real path; undefined if unknown */
export function mountOf(path: string, mounts: Mounts): string | undefined {
  if (mounts === undefined) return undefined;
  for (let at = path; ; at = at.slice(0, at.lastIndexOf('/'))) {
    if (at === '') return '/';
    if (mounts.has(at)) return at;
  }
}
