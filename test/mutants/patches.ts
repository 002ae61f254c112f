export interface Patch { readonly file: string; readonly find: string; readonly replace: string }

export function patched(source: string, { file, find, replace }: Patch): string {
  const parts = source.split(find);
  if (parts.length !== 2) throw new Error(`${file}: found ${parts.length - 1} times, not once: ${find}`);
  return parts.join(replace);
}

export function patchesOf(name: string): readonly Patch[] {
  if (name === 'fix-settle') return [{
    file: 'src/rotation/guard.ts',
    find: "  if (!facts.live) return { action: confirm, phase, progress: 'confirming' };",
    replace: "  const settled = keyset.history.at(-1).writtenAt + 10_000;\n  if (facts.now < settled) return { action: { type: 'wait', until: settled }, phase, progress: 'settling' };\n  if (!facts.live) return { action: confirm, phase, progress: 'confirming' };",
  }];
  throw new Error(name);
}
