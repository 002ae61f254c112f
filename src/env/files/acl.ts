/** Whether a file has an access control list. Node cannot ask the system for it; `ls` marks such files (POSIX). */
import { execFile } from 'node:child_process';

/** `-rw-r-----`, then a sign: `+` for a list, for GNU, the BSDs and macOS. */
const MARK_AT = 10;

/**
 * @param path absolute
 * @param mode permission bits: on Linux those of the group are the mask of the list, so without them it lets nobody in
 * @returns true if it has a list that lets somebody in; false if it has none, or `ls` is absent or does not mark it, as
 *   that of BusyBox does not
 */
export async function hasAcl(path: string, mode: number): Promise<boolean> {
  if (process.platform === 'win32') return false;
  if (process.platform === 'linux' && (mode & 0o070) === 0) return false;
  const listed = await new Promise<string>((resolve) => {
    execFile('ls', ['-ld', '--', path], { env: { ...process.env, LC_ALL: 'C' } }, (_, out) => resolve(out));
  });
  return listed.charAt(MARK_AT) === '+';
}
