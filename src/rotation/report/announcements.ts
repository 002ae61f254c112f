/**
 * The Events that a write of the Secret makes, in words.
 */

import { currentShape, type Keyset, keyIn, type Outcome, refusal, secondsOf } from '../keyset/keyset.ts';
import type { Write } from '../keyset/writes.ts';
import type { Assessment } from '../plan/decision.ts';
import { iso } from '../schedule/duration.ts';

export interface Announcement {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly note: string;
}

function normal(reason: string, note: string): Announcement {
  return { type: 'Normal', reason, note };
}

function warning(reason: string, note: string): Announcement {
  return { type: 'Warning', reason, note };
}

function gone({ emergency }: Keyset): string {
  const seconds = emergency && secondsOf(emergency);
  return `${emergency && refusal(emergency)} ${seconds} s after the new one was written`;
}

function concluded(rotation: { readonly inferred?: string | undefined } | undefined): string {
  return rotation?.inferred === undefined ? '' : `; inferred in part: ${rotation.inferred}`;
}

function adopted(keyset: Keyset): string {
  const others = keyset.keys.filter(({ state }) => state === 'draining' || state === 'found').map(({ kid }) => kid);
  const also = others.length === 0 ? '' : `; ${others.join(', ')} stays accepted until the first rotation retires it`;
  return `rekey adopted the existing key unchanged as ${currentShape(keyset).sign}${also}`;
}

/** Requests from before the first write: a copy of a resource has some. */
function noted({ noted: found = [] }: { readonly noted?: readonly string[] }): readonly Announcement[] {
  if (found.length === 0) return [];
  const note = `${found.join(', ')}: found with the resource, recorded as served, and not acted on. If you mean it, request it again with another value (for an emergency, another nonce)`;
  return [{ type: 'Warning', reason: 'RequestsNoted', note }];
}

function withdrawn({ withdrawn: ended = [] }: { readonly withdrawn?: readonly string[] }): readonly Announcement[] {
  if (ended.length === 0) return [];
  const note = `withdrawn before a rotation started, and not served later: ${ended.join('; ')}`;
  return [{ type: 'Normal', reason: 'RequestWithdrawn', note }];
}

function residueOf({ emergency }: Keyset): readonly Announcement[] {
  const { residue = [], residueIncomplete } = emergency ?? {};
  const rest = residueIncomplete === undefined ? '' : ` (${residueIncomplete})`;
  if (residue.length === 0 && rest === '') return [];
  const found =
    residue.length === 0 ? 'no copy of a burnt key was found' : `a burnt key is still in: ${residue.join('; ')}`;
  return [{ type: residue.length === 0 ? 'Normal' : 'Warning', reason: 'KeyResidue', note: `${found}${rest}` }];
}

/** How long a draining key is still accepted. */
function leavesText(keyset: Keyset, drain: Assessment['drain']): string {
  const exit = keyIn(keyset, 'draining')?.lastSignerExit;
  if (exit === undefined || drain === undefined) return 'it stays accepted until its last token has expired';
  return `it stays accepted until ${iso(exit + drain.lastsMs)}, for ${drain.text}`;
}

function started({ rotation }: Keyset): Announcement {
  return normal('RotationStarted', askedFor(rotation));
}

function promoted(keyset: Keyset): Announcement {
  const { sign } = currentShape(keyset);
  return normal('KeyPromoted', `${sign} now signs; ${keyIn(keyset, 'draining')?.kid} is still accepted`);
}

function draining(
  write: Extract<Write, { transition: 'drain' }>,
  keyset: Keyset,
  drain: Assessment['drain'],
): Announcement {
  const kid = keyIn(keyset, 'draining')?.kid;
  return normal('KeyDraining', `no pod signs with ${kid} any more; ${leavesText(keyset, drain)}${concluded(write)}`);
}

function retired(keyset: Keyset): readonly Announcement[] {
  const { rotation } = keyset;
  const staged = keyIn(keyset, 'staged')?.kid;
  const left = rotation?.failure === undefined ? rotation?.from : rotation?.to;
  return [
    normal('KeyRetired', `${left} has left the Secret`),
    ...(staged === undefined ? [] : [normal('KeyStaged', `${staged} is now accepted, for the next rotation`)]),
  ];
}

function finished(outcome: Outcome, { rotation }: Keyset): Announcement {
  if (outcome !== 'Completed') return warning(`Rotation${outcome}`, `${rotation?.from} still signs`);
  return normal('RotationCompleted', `${rotation?.from} → ${rotation?.to}${concluded(rotation)}`);
}

function cutOver(keyset: Keyset): Announcement {
  const { rotation } = keyset;
  const note = `${askedFor(rotation)}. ${currentShape(keyset).sign} signs; a pod refuses every token of ${rotation?.from} as soon as it is replaced`;
  return warning('CutoverStarted', note);
}

function burnt(keyset: Keyset): Announcement {
  const { rotation } = keyset;
  const note = `${rotation?.actor}: ${rotation?.reason}. ${currentShape(keyset).sign} signs; ${keyset.burnt.length} keys are burnt permanently`;
  return warning('EmergencyStarted', note);
}

function askedFor(rotation: Keyset['rotation']): string {
  return `${rotation?.trigger} by ${rotation?.actor}: ${rotation?.reason}`;
}

const NOTHING_TO_WITHDRAW = warning(
  'RequestDismissed',
  'there is no request to withdraw; to end a rotation under way, request an abort',
);

/**
 * @param keyset after the write
 * @param drain of the rotation that was under way when the write was decided on
 */
export function announcementsOf(write: Write, keyset: Keyset, drain: Assessment['drain']): readonly Announcement[] {
  const { rotation } = keyset;
  const { sign } = currentShape(keyset);
  switch (write.transition) {
    case 'create':
      return [normal('SecretCreated', `the Secret was created with key ${sign}`), ...noted(write)];
    case 'adopt':
      return [normal('SecretAdopted', adopted(keyset)), ...noted(write)];
    case 'stage':
      return [started(keyset), normal('KeyStaged', `${rotation?.to} is now accepted; ${sign} still signs`)];
    case 'promote':
      return [...(write.start === undefined ? [] : [started(keyset)]), promoted(keyset)];
    case 'drain':
      return [draining(write, keyset, drain)];
    case 'reopen':
      return [warning('StaleSigner', 'rekey found a pod that may sign with the draining key; the drain starts again')];
    case 'retire':
      return retired(keyset);
    case 'abort':
    case 'rollback':
      return [
        warning('RotationFailed', `${write.transition}: ${write.failure.reason}: ${write.failure.message}`),
        ...withdrawn(write),
      ];
    case 'finish':
      return [finished(write.outcome, keyset)];
    case 'cutover':
      return [cutOver(keyset)];
    case 'burn':
      return [burnt(keyset)];
    case 'extinguish':
      return [normal('CompromisedKeyGone', gone(keyset)), ...residueOf(keyset)];
    case 'dismiss':
      return [warning('RequestDismissed', 'there is no rotation to abort, or it is too late'), ...withdrawn(write)];
    case 'withdraw':
      return write.withdrawn === undefined ? [NOTHING_TO_WITHDRAW] : withdrawn(write);
  }
}
