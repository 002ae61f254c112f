/**
 * The one way to a write of the Secret. Nobody else may choose one (architecture.test.ts). A write either satisfies the
 * safe-write rule, or is one of four that the rule does not judge: those have preconditions of their own, checked here as well.
 * What rests on acknowledgements is confirmed by reading the world from the API server first.
 */

import type { Finding } from '../api/finding.ts';
import type { Facts } from '../facts.ts';
import { type Acked, currentShape, type Keyset } from '../keyset/keyset.ts';
import { type Candidate, candidate, type Write, writesKeys } from '../keyset/writes.ts';
import { formatDuration } from '../schedule/duration.ts';
import type { Drain } from '../settings/drain.ts';
import { narrowText, tooNarrow } from '../settings/layouts.ts';
import type { Action, StatusPhase, Step } from './decision.ts';
import { ackedNow } from './evidence.ts';
import { unsafeReasons } from './safe-write.ts';

/** The Date header has whole seconds, and the answer took its time. */
const HEADER_ERROR_MS = 2_000;
const SKEW_RETRY_MS = 5_000;

/**
 * Every write that rests on acknowledgements rests on the time: a write has reached every node, the last signer is gone, old
 * tokens are dead. The clock of the API server tells it, and ours is the second witness: where the two differ, one is wrong.
 */
export function clockFinding({ clockOffsetMs, settings }: Facts): Finding | undefined {
  if (clockOffsetMs === undefined) {
    const message =
      'the API server does not send its time (no Date header in its answers), so rekey cannot compare times';
    return { reason: 'ClockSkew', message };
  }
  if (Math.abs(clockOffsetMs) <= settings.clockSkewMs + HEADER_ERROR_MS) return undefined;
  const direction = clockOffsetMs < 0 ? 'ahead of' : 'behind';
  const message = `the operator's clock is ${formatDuration(Math.abs(clockOffsetMs))} ${direction} the clock of the API server; rekey changes no key until the clocks agree`;
  return { reason: 'ClockSkew', message };
}

/** Writes that the safe-write rule does not judge. */
type Exempt = Extract<Write, { readonly transition: 'create' | 'adopt' | 'cutover' | 'burn' }>;
export type Judged = Exclude<Write, Exempt>;

/** Stands for the key that the write will make. */
const FRESH = 'fresh';

/**
 * Only with facts that are not from a cache: the resource itself may have changed.
 *
 * @param write rests on the acknowledgements that the Secret remembers; use {@link confirmed} if it needs more
 * @returns the write, or a rest if it would break the rule: that is a defect, and stops the rotation in a safe state
 */
export function guarded(facts: Facts, keyset: Keyset, write: Judged, phase: StatusPhase): Step {
  if (writesKeys(write)) {
    const acked = 'acked' in write ? write.acked : keyset.acked;
    const drainMs = drainMsOf(facts, keyset);
    const next = candidate(keyset, write, FRESH);
    const reasons = [...unsafeReasons(keyset, acked, next, { now: facts.now, drainMs }), ...unshown(facts, next)];
    if (reasons.length > 0) {
      return withheld(write, phase, reasons.join('; '));
    }
  }
  if (!facts.live) return { action: { type: 'confirm' }, phase, progress: 'confirming' };
  return chosen(write, phase, `writing: ${write.transition}`);
}

/** W1 and W2 speak of what a service accepts: of what stands in each data key that it may read. */
function unshown({ settings }: Facts, { verify }: Candidate): readonly string[] {
  // the ack key comes, and the key that signs is shown elsewhere
  const narrow = tooNarrow(settings, verify.length);
  return narrow.length === 0 ? [] : [`${verify.length} keys do not fit into ${narrowText(narrow)}`];
}

/** As {@link guarded}, for a write that rests on what the pods have acknowledged: only with facts that are not from a
 * cache, and not before the last write has reached every node, also those that had no pod to ask. */
export function confirmed(facts: Facts, keyset: Keyset, write: (acked: Acked) => Judged, phase: StatusPhase): Step {
  const confirm: Action = { type: 'confirm' };
  const settled = currentShape(keyset).writtenAt + facts.settleMs;
  if (facts.now < settled) {
    const progress = 'acknowledged; a node that lags behind may still give a new container the previous keyset';
    return { action: { type: 'wait', until: settled }, phase, progress };
  }
  if (!facts.live) return { action: confirm, phase, progress: 'confirming' };
  const next = write(ackedNow(facts.targets, keyset));
  const skew = clockFinding(facts);
  if (skew !== undefined) {
    return { action: { type: 'wait', until: facts.now + SKEW_RETRY_MS }, phase, progress: skew.message, stalled: skew };
  }
  return guarded(facts, keyset, next, phase);
}

/** What must hold for a write that the safe-write rule does not judge, and in words what is wrong if it does not. */
const PRECONDITIONS: Readonly<
  Record<Exempt['transition'], readonly [holds: (facts: Facts) => boolean, otherwise: string]>
> = {
  /** There is no Secret, so no live container can have loaded a key from it; its planner has looked for those that did. */
  create: [({ secret, live }) => secret.kind === 'Absent' && live, 'the Secret is not known to be absent'],
  /** Every key that is there stays and keeps its part, so whoever has loaded it before sees no difference. */
  adopt: [({ secret }) => secret.kind === 'Unmanaged', 'the Secret has no key to adopt'],
  /** People have allowed that every outstanding token is refused, and now is a time for it. */
  cutover: [
    ({ settings, window, live }) => settings.allowCutover && window.open && live,
    'a cutover is not allowed now',
  ],
  /** A key has leaked: to refuse a valid token is better than to accept a forged one. It waits for nothing. */
  burn: [({ requests }) => requests.emergency !== undefined, 'no emergency was requested'],
};

/** @returns the write, or a rest if its precondition does not hold: that is a defect, and nothing is written */
export function exempt(facts: Facts, write: Exempt, phase: StatusPhase, progress: string): Step {
  const [holds, otherwise] = PRECONDITIONS[write.transition];
  return holds(facts) ? chosen(write, phase, progress) : withheld(write, phase, otherwise);
}

function chosen(write: Write, phase: StatusPhase, progress: string): Step {
  return { action: { type: 'write', write }, phase, progress };
}

function withheld({ transition }: Write, phase: StatusPhase, why: string): Step {
  const message = `the write ${transition} was withheld: ${why}`;
  return { action: { type: 'wait' }, phase, progress: message, stalled: { reason: 'UnsafeWrite', message } };
}

/** Milliseconds that tokens outlive their signer: an edit of the spec in mid-rotation may only lengthen it. */
export function drainMsOf(facts: { readonly settings: Pick<Drain, 'drainMs'> }, keyset: Keyset): number {
  return Math.max(facts.settings.drainMs, keyset.rotation?.drainMs ?? 0);
}
