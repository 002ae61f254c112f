/**
 * Effects that an operator has decided upon and not made yet, by number.
 */
import type { Write } from '../../src/rotation/keyset/writes.ts';

export type Effect =
  | { readonly type: 'write'; readonly write: Write }
  /** Targets that are left to bump, by index. */
  | { readonly type: 'bump'; readonly targets: readonly number[]; readonly version: number }
  /** The pods are marked. */
  | { readonly type: 'evict' };

const effects: (Effect | undefined)[] = [undefined];
const ids = new Map<string, number>();

export function effectOf(id: number): Effect {
  const effect = effects[id];
  if (effect === undefined) throw new Error(`there is no effect ${id}`);
  return effect;
}

export function internEffect(effect: Effect): number {
  const plain = effect.type === 'write' ? { type: 'write' as const, write: withoutTexts(effect.write) } : effect;
  const key = JSON.stringify(plain);
  const known = ids.get(key);
  if (known !== undefined) return known;
  effects.push(plain);
  ids.set(key, effects.length - 1);
  return effects.length - 1;
}

/** Texts for people name pods: they would make two states of one. */
function withoutTexts(write: Write): Write {
  if ('failure' in write) return { ...write, failure: { reason: write.failure.reason, message: '' } };
  if ('rotation' in write) return { ...write, rotation: { ...write.rotation, actor: '', reason: '' } };
  return write;
}

export function isWrite(id: number): boolean {
  return effects[id]?.type === 'write';
}
