/**
 * Edits of the spec that a rotation under way does not follow: they would break its promise, or come too late. An edit
 * without an effect must not be silent.
 */

import type { Facts } from '../facts.ts';
import { type Keyset, keyIn } from '../keyset/keyset.ts';
import { drainText, drainTextOf } from '../settings/drain.ts';

type Edit = (settings: Facts['settings'], keyset: Keyset) => string | undefined;

/** A drain lies ahead, or is under way. */
export const DRAINS: readonly Keyset['phase'][] = ['Staging', 'Promoting', 'Draining'];
/** On the way to a new signing key, or back, without giving up a token. */
const OVERLAP: readonly Keyset['phase'][] = [...DRAINS, 'Retiring'];

/** A shorter drain would end before the tokens that it began for. After retire there is nothing left to wait for. */
const shorterDrain: Edit = (settings, { phase, rotation }) => {
  const begun = rotation?.drainMs ?? 0;
  if (!DRAINS.includes(phase) || begun <= settings.drainMs) return undefined;
  return `this one keeps the drain time that it began with, ${drainTextOf(settings, begun)}; the spec asks for ${drainText(settings)}`;
};

const strategy: Edit = (settings, { phase }) => {
  if (OVERLAP.includes(phase) && settings.strategy === 'Cutover') {
    return 'this one keeps both keys accepted; the spec asks for strategy Cutover';
  }
  if (phase !== 'Switching' || (settings.strategy !== 'Overlap' && settings.allowCutover)) return undefined;
  return 'this one is a cutover, and has replaced the key already; the spec allows none';
};

const keyBytes: Edit = ({ keyBytes: asked }, { phase, rotation }) => {
  const made = rotation?.keyBytes;
  if (![...OVERLAP, 'Switching'].includes(phase) || made === undefined || made === asked) return undefined;
  return `the new key of this one was made of ${made} bytes; spec.key.bytes asks for ${asked}`;
};

const preStage: Edit = (settings, keyset) => {
  const staged = keyIn(keyset, 'staged') !== undefined;
  if (keyset.phase !== 'Retiring' || settings.preStage === staged) return undefined;
  return staged
    ? 'the key of the next rotation is staged already; the spec asks for preStage: false'
    : 'the old key of this one has left, and no other was staged with that; the spec asks for preStage: true';
};

const suspend: Edit = (settings) =>
  settings.suspend ? 'this one goes on (kubectl rekey pause holds it); spec.suspend starts no other' : undefined;

const EDITS = [shorterDrain, strategy, keyBytes, preStage, suspend];

/** @returns what of the spec counts from the next rotation on, for people */
export function lateEdits({ settings }: Pick<Facts, 'settings'>, keyset: Keyset): string | undefined {
  if (keyset.phase === 'Steady' || keyset.phase === 'Burning') return undefined;
  const found = EDITS.flatMap((edit) => edit(settings, keyset) ?? []);
  return found.length === 0 ? undefined : `from the next rotation on: ${found.join(', and ')}`;
}
