/**
 * Mistakes as patches of sources.
 */
export interface Patch {
  /** From the root of the repository. */
  readonly file: string;
  /** Must be there exactly once, so that a mutant cannot rot unnoticed. */
  readonly find: string;
  readonly replace: string;
}

/**
 * @returns the source with the mistake in it
 * @throws if what is looked for is not there exactly once
 */
export function patched(source: string, { file, find, replace }: Patch): string {
  const parts = source.split(find);
  if (parts.length !== 2) throw new Error(`${file}: found ${parts.length - 1} times instead of once: ${find}`);
  return parts.join(replace);
}

/** The gate looks once more at what a write without the safe-write rule needs: without this it keeps such mutants from doing harm. */
export const NO_PRECONDITIONS: Patch = {
  file: 'src/rotation/plan/write-gate.ts',
  find: 'return holds(facts) ? chosen(write, phase, progress) : withheld(write, phase, otherwise);',
  replace:
    "return holds(facts) || otherwise !== '' ? chosen(write, phase, progress) : withheld(write, phase, otherwise);",
};
