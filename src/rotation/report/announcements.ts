/**
 * The Events that a write of the Secret makes, in words.
 */

import { currentShape, type Keyset, keyIn, refusal, secondsOf } from '../keyset/keyset.ts';
import type { Write } from '../keyset/writes.ts';
import type { Assessment } from '../plan/decision.ts';
import { iso } from '../schedule/duration.ts';

export interface Announcement {
  readonly type: 'Normal' | 'Warning';
  readonly reason: string;
  readonly note: string;
}

function gone({ emergency }: Keyset): string {
  const seconds = emergency && secondsOf(emergency);
  return `${emergency && refusal(emergency)} ${seconds} s after the fresh one was written`;
}

function concluded(rotation: { readonly inferred?: string | undefined } | undefined): string {
  return rotation?.inferred === undefined ? '' : `; concluded in part: ${rotation.inferred}`;
}

function adopted(keyset: Keyset): string {
  const others = keyset.keys.filter(({ state }) => state === 'draining' || state === 'found').map(({ kid }) => kid);
  const also =
    others.length === 0 ? '' : `; ${others.join(', ')} is accepted as before, until the first rotation retires it`;
  return `the key that was found is ${currentShape(keyset).sign} from now on; it was not changed${also}`;
}

/** What was asked for before there was a Secret to do it to: a copy of a resource brings such along. */
function noted({ noted: found = [] }: { readonly noted?: readonly string[] }): readonly Announcement[] {
  if (found.length === 0) return [];
  const note = `${found.join(', ')}: found with the resource, noted as served, and not acted upon. If it is meant, ask again with another value (an emergency: another nonce)`;
  return [{ type: 'Warning', reason: 'RequestsNoted', note }];
}

function withdrawn({ withdrawn: ended = [] }: { readonly withdrawn?: readonly string[] }): readonly Announcement[] {
  if (ended.length === 0) return [];
  const note = `taken back before a rotation began, and not served later: ${ended.join('; ')}`;
  return [{ type: 'Normal', reason: 'RequestWithdrawn', note }];
}

function residueOf({ emergency }: Keyset): readonly Announcement[] {
  const { residue = [], residueIncomplete } = emergency ?? {};
  const rest = residueIncomplete === undefined ? '' : ` (${residueIncomplete})`;
  if (residue.length === 0 && rest === '') return [];
  const found =
    residue.length === 0 ? 'no copy of a burnt key was found' : `a burnt key lies in: ${residue.join('; ')}`;
  return [{ type: residue.length === 0 ? 'Normal' : 'Warning', reason: 'KeyResidue', note: `${found}${rest}` }];
}

/** How long a draining key is still accepted. */
function leavesText(keyset: Keyset, drain: Assessment['drain']): string {
  const exit = keyIn(keyset, 'draining')?.lastSignerExit;
  if (exit === undefined || drain === undefined) return 'it is accepted until its last token has expired';
  return `it is accepted until ${iso(exit + drain.lastsMs)}, for ${drain.text}`;
}

/**
 * @param keyset after the write
 * @param drain of the rotation that was under way when the write was decided on
 */
export function announcementsOf(write: Write, keyset: Keyset, drain: Assessment['drain']): readonly Announcement[] {
  const { rotation } = keyset;
  const normal = (reason: string, note: string): Announcement => ({ type: 'Normal', reason, note });
  const warning = (reason: string, note: string): Announcement => ({ type: 'Warning', reason, note });
  const { sign } = currentShape(keyset);
  const who = `${rotation?.trigger} by ${rotation?.actor}: ${rotation?.reason}`;
  const staged = keyIn(keyset, 'staged')?.kid;
  switch (write.transition) {
    case 'create':
      return [normal('SecretCreated', `the Secret was created with key ${sign}`), ...noted(write)];
    case 'adopt':
      return [normal('SecretAdopted', adopted(keyset)), ...noted(write)];
    case 'stage':
      return [
        normal('RotationStarted', who),
        normal('KeyStaged', `${rotation?.to} is accepted from now on; ${sign} still signs`),
      ];
    case 'promote':
      return [
        ...(write.start === undefined ? [] : [normal('RotationStarted', who)]),
        normal('KeyPromoted', `${sign} signs from now on; ${keyIn(keyset, 'draining')?.kid} is still accepted`),
      ];
    case 'drain':
      return [
        normal(
          'KeyDraining',
          `no pod signs with ${keyIn(keyset, 'draining')?.kid} any more; ${leavesText(keyset, drain)}${concluded(write)}`,
        ),
      ];
    case 'reopen':
      return [warning('StaleSigner', 'a pod was found that may sign with the draining key; the wait starts again')];
    case 'retire':
      return [
        normal('KeyRetired', `${rotation?.failure === undefined ? rotation?.from : rotation?.to} has left the Secret`),
        ...(staged === undefined
          ? []
          : [normal('KeyStaged', `${staged} is accepted from now on, for the next rotation`)]),
      ];
    case 'abort':
    case 'rollback':
      return [
        warning('RotationFailed', `${write.transition}: ${write.failure.reason}: ${write.failure.message}`),
        ...withdrawn(write),
      ];
    case 'finish':
      return [
        write.outcome === 'Completed'
          ? normal('RotationCompleted', `${rotation?.from} → ${rotation?.to}${concluded(rotation)}`)
          : warning(`Rotation${write.outcome}`, `${rotation?.from} signs as before`),
      ];
    case 'cutover':
      return [
        warning(
          'CutoverStarted',
          `${who}. ${sign} signs; a pod refuses every token of ${rotation?.from} as soon as it is replaced`,
        ),
      ];
    case 'burn':
      return [
        warning(
          'EmergencyStarted',
          `${rotation?.actor}: ${rotation?.reason}. ${sign} signs; ${keyset.burnt.length} keys are burnt for ever`,
        ),
      ];
    case 'extinguish':
      return [normal('CompromisedKeyGone', gone(keyset)), ...residueOf(keyset)];
    case 'dismiss':
      return [warning('RequestDismissed', 'there is no rotation to abort, or it is too late'), ...withdrawn(write)];
    case 'withdraw':
      return write.withdrawn === undefined
        ? [warning('RequestDismissed', 'there is no request to take back: what has begun is ended by an abort')]
        : withdrawn(write);
  }
}
