export interface Patch {
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

export function patched(source: string, { file, find, replace }: Patch): string {
  const parts = source.split(find);
  if (parts.length !== 2) throw new Error(`${file}: found ${parts.length - 1} times, not once: ${find}`);
  return parts.join(replace);
}

export function patchesOf(name: string): readonly Patch[] {
  if (name === 'fix-settle')
    return [
      {
        file: 'src/rotation/guard.ts',
        find: "  if (!facts.live) return { action: confirm, phase, progress: 'confirming' };",
        replace:
          "  const settled = keyset.history.at(-1).writtenAt + 10_000;\n  if (facts.now < settled) return { action: { type: 'wait', until: settled }, phase, progress: 'settling' };\n  if (!facts.live) return { action: confirm, phase, progress: 'confirming' };",
      },
    ];
  if (name === 'fix-burn') return [{
    file: 'src/rotation/emergency.ts',
    find: "  return pod.startedAt !== undefined && pod.startedAt < currentShape(keyset).writtenAt;",
    replace: "  return pod.startedAt !== undefined && pod.startedAt < currentShape(keyset).writtenAt + (globalThis.__now >= currentShape(keyset).writtenAt + 10000 ? 10000 : 0);",
  }, { file: 'src/rotation/emergency.ts', find: "  const phase = 'Burning';\n", replace: "  const phase = 'Burning';\n  globalThis.__now = facts.now;\n" }, ...patchesOf('fix-settle')];
  throw new Error(name);
}
