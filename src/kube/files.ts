/**
 * Why a file cannot be read, in words.
 */
const TROUBLES: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EISDIR: 'it is a folder',
  EACCES: 'you may not read it',
  EPERM: 'you may not read it',
};

/** @param error what reading it threw */
export function fileTrouble(error: unknown): string {
  const { code } = error as { readonly code?: unknown };
  return typeof code === 'string' ? (TROUBLES[code] ?? code) : 'it cannot be read';
}
