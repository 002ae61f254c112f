/**
 * Edits of the spec that a rotation under way does not follow: they would break its promise, or come too late. People
 * must learn that such an edit has no effect yet.
 */

import type { Facts } from '../facts.ts';
import { type Keyset, keyIn } from '../keyset/keyset.ts';
import { drainText, drainTextOf } from '../settings/drain.ts';

type Edit = (settings: Facts['settings'], keyset: Keyset) => string | undefined;

/** A drain is ahead or under way. */
export const DRAINS: readonly Keyset['phase'][] = ['Staging', 'Promoting', 'Draining'];
/** On the way to a new signing key, or back, without giving up a token. */
const OVERLAP: readonly Keyset['phase'][] = [...DRAINS, 'Retiring'];

/** A shorter drain would end before the tokens that it began for. After retire there is nothing left to wait for. */
const shorterDrain: Edit = (settings, { phase, rotation }) => {
  const begun = rotation?.drainMs ?? 0;
  if (!DRAINS.includes(phase) || begun <= settings.drainMs) return undefined;
  return `this rotation keeps the drain time it started with, ${drainTextOf(settings, begun)}; the spec says ${drainText(settings)}`;
};

const strategy: Edit = (settings, { phase }) => {
  if (OVERLAP.includes(phase) && settings.strategy === 'Cutover') {
    return 'this rotation keeps both keys accepted; the spec says strategy: Cutover';
  }
  if (phase !== 'Switching' || (settings.strategy !== 'Overlap' && settings.allowCutover)) return undefined;
  return 'this rotation is a cutover and has already replaced the key; the spec no longer allows a cutover';
};

const keyBytes: Edit = ({ keyBytes: asked }, { phase, rotation }) => {
  const made = rotation?.keyBytes;
  if (![...OVERLAP, 'Switching'].includes(phase) || made === undefined || made === asked) return undefined;
  return `the new key of this rotation has ${made} bytes; spec.key.bytes says ${asked}`;
};

const preStage: Edit = (settings, keyset) => {
  const staged = keyIn(keyset, 'staged') !== undefined;
  if (keyset.phase !== 'Retiring' || settings.preStage === staged) return undefined;
  return staged
    ? 'the key of the next rotation is already staged; the spec says preStage: false'
    : 'the old key of this rotation has left, and no other key was staged with that write; the spec says preStage: true';
};

const suspend: Edit = (settings) =>
  settings.suspend
    ? 'this rotation continues (to hold it: kubectl rekey pause NAME); because of spec.suspend, no other starts'
    : undefined;

const EDITS = [shorterDrain, strategy, keyBytes, preStage, suspend];

/** @returns which edits of the spec apply from the next rotation on, for people */
export function lateEdits({ settings }: Pick<Facts, 'settings'>, keyset: Keyset): string | undefined {
  if (keyset.phase === 'Steady' || keyset.phase === 'Burning') return undefined;
  const found = EDITS.flatMap((edit) => edit(settings, keyset) ?? []);
  return found.length === 0 ? undefined : `from the next rotation on: ${found.join(', and ')}`;
}
