/** Whether others on this machine may use a file, by its permissions. */

/** @param mode permission bits @returns who may, for people; undefined if only its owner may */
export function openTo(mode: number): string | undefined {
  if ((mode & 0o077) === 0) return undefined;
  const who = (mode & 0o007) === 0 ? 'its group' : 'every user of this machine';
  return `open to ${who} (mode ${mode.toString(8)})`;
}
