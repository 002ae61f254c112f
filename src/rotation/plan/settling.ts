/** When what the Secret holds has reached every node, and pods may be restarted. */
import type { Facts, PodFacts, TargetFacts } from '../facts.ts';
import { type EndedTime, endedBy } from '../keyset/foreign-times.ts';
import { currentShape, type Keyset } from '../keyset/keyset.ts';
import { levelOf } from './evidence.ts';

/**
 * @returns when a target may be restarted: at once where canaries find a stale pod, else when every node has the newest keyset.
 *   After an abort no answer is waited for, so a pod that started too soon would keep the aborted key
 */
export function restartableAt(target: TargetFacts, facts: Facts, keyset: Keyset): number {
  return findsStale(target, keyset) ? 0 : reachedAllAt(facts, keyset);
}

function findsStale(target: TargetFacts, keyset: Keyset): boolean {
  return levelOf(target) === 'Canary' && keyset.phase !== 'Aborting';
}

/** @returns when the newest keyset has reached every node: a pod that is created from then on has surely read it */
export function reachedAllAt(facts: Pick<Facts, 'ledger' | 'now' | 'settleMs'>, keyset: Keyset): number {
  return Math.max(spreadAt(keyset, facts.settleMs), foreignOffNodesAt(facts));
}

/** @returns when every node has forgotten what somebody else had put into the Secret, milliseconds since the epoch */
export function foreignOffNodesAt({ ledger, now, settleMs }: Pick<Facts, 'ledger' | 'now' | 'settleMs'>): number {
  return Math.max(0, ...ledger.foreign.map((time) => onAllNodesFrom(endedBy(time, now).until, settleMs)));
}

/** @returns the first time after the newest write in which the Secret was somebody else's */
export function firstForeign({ ledger, now }: Pick<Facts, 'ledger' | 'now'>, keyset: Keyset): EndedTime | undefined {
  return ledger.foreign.map((time) => endedBy(time, now)).find(({ until }) => until > currentShape(keyset).writtenAt);
}

/**
 * Of the pods that may have read what somebody else wrote, those of the first such time after the write: so a slot is replaced
 * once for that, however often somebody else writes. The ledger joins no later time to the first one.
 */
export function isReplacedForDoubt(pod: PodFacts, facts: Facts, keyset: Keyset): boolean {
  const first = firstForeign(facts, keyset);
  if (pod.foreign === undefined || first === undefined) return true;
  return pod.createdAt < onAllNodesFrom(first.until, facts.settleMs);
}

/** @returns when a write of the newest keyset has reached every node, if nobody else has changed the Secret since */
function spreadAt(keyset: Keyset, settleMs: number): number {
  return onAllNodesFrom(currentShape(keyset).writtenAt, settleMs);
}

/** Times of creation have whole seconds, cut off: what is created from the next one on is seen to be late enough. */
function onAllNodesFrom(at: number, settleMs: number): number {
  return Math.ceil((at + settleMs) / 1000) * 1000;
}

/**
 * @returns the creation time from which a pod counts as restarted for the keyset, milliseconds. It follows from the write
 *   alone: to ask for the restart twice is to ask for it once. Creation times have whole seconds, cut off
 */
export function restartAtOf(target: TargetFacts, keyset: Keyset, settleMs: number): number {
  const written = Math.ceil(currentShape(keyset).writtenAt / 1000) * 1000;
  // in an emergency those that start before the write has spread are deleted, and the others need not wait for it
  return keyset.phase === 'Burning'
    ? written
    : Math.max(written, findsStale(target, keyset) ? 0 : spreadAt(keyset, settleMs));
}
