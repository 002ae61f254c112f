/**
 * The one way to a write of the Secret. Nobody else may choose one (architecture.test.ts). A write either satisfies the
 * safe-write rule, or is one of four that the rule does not judge. The preconditions of those four are also checked
 * here. A write that rests on acknowledgements is confirmed first: the world is read again from the API server.
 */

import { defined } from '../../base/objects.ts';
import type { Finding } from '../api/finding.ts';
import type { Facts } from '../facts.ts';
import { type Acked, currentShape, type Keyset } from '../keyset/keyset.ts';
import { type Candidate, candidate, type Write, writesKeys } from '../keyset/writes.ts';
import { formatDuration, iso } from '../schedule/duration.ts';
import type { Drain } from '../settings/drain.ts';
import { narrowText, tooNarrow } from '../settings/layouts.ts';
import type { Action, StatusPhase, Step } from './decision.ts';
import { ackedNow } from './evidence.ts';
import { unsafeReasons } from './safe-write.ts';
import { firstForeign, foreignOffNodesAt } from './settling.ts';

/** The Date header has whole seconds, and the answer takes some time. */
const HEADER_ERROR_MS = 2_000;
const SKEW_RETRY_MS = 5_000;

/**
 * Every write that rests on acknowledgements also rests on the time: a write has reached every node, the last signer is
 * gone, old tokens have expired. The clock of the API server counts, and the operator's clock is compared with it: if
 * the two differ, one is wrong.
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
 * Writes only with facts that are not from a cache, since the resource itself may have changed.
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

/** In W1 and W2, "accepts" means: every data key that the service may read contains the key. */
function unshown({ settings }: Facts, { verify }: Candidate): readonly string[] {
  // plus the ack key, minus the signing key, which has a place of its own
  const narrow = tooNarrow(settings, verify.length);
  return narrow.length === 0 ? [] : [`${verify.length} keys do not fit into ${narrowText(narrow)}`];
}

/**
 * As {@link guarded}, for a write that rests on acknowledgements: only with facts that are not from a cache, and only
 * after the last write has reached every node, including nodes without a pod to ask.
 */
export function confirmed(facts: Facts, keyset: Keyset, write: (acked: Acked) => Judged, phase: StatusPhase): Step {
  const confirm: Action = { type: 'confirm' };
  const settled = Math.max(currentShape(keyset).writtenAt + facts.settleMs, foreignOffNodesAt(facts));
  if (facts.now < settled) {
    const progress = 'acknowledged; a node that lags behind may still give a new container the previous keyset';
    const stalled = contended(facts, keyset);
    return { action: { type: 'wait', until: settled }, phase, progress, ...defined({ stalled }) };
  }
  if (!facts.live) return { action: confirm, phase, progress: 'confirming' };
  const next = write(ackedNow(facts.targets, keyset));
  const skew = clockFinding(facts);
  if (skew !== undefined) {
    return { action: { type: 'wait', until: facts.now + SKEW_RETRY_MS }, phase, progress: skew.message, stalled: skew };
  }
  return guarded(facts, keyset, next, phase);
}

/** Somebody else changes the Secret again and again, so what rekey wrote never reaches every node. */
function contended(facts: Facts, keyset: Keyset): Finding | undefined {
  const { secretName, rolloutTimeoutMs } = facts.settings;
  const first = firstForeign(facts, keyset);
  if (first === undefined || facts.now < first.since + rolloutTimeoutMs) return undefined;
  const message = `Secret ${secretName}: somebody else has changed it since ${iso(first.since)}, the last time just now, so rekey does not know what new containers read. Find out who writes it (kubectl get secret ${secretName} -n NAMESPACE --show-managed-fields -o jsonpath='{.metadata.managedFields[*].manager}'), and let only rekey write it`;
  return { reason: 'ForeignWriter', message };
}

/** The precondition of each write that the safe-write rule does not judge, and the message if it does not hold. */
const PRECONDITIONS: Readonly<
  Record<Exempt['transition'], readonly [holds: (facts: Facts) => boolean, otherwise: string]>
> = {
  /** There is no Secret, and the planner has checked that no container holds a key of an earlier one. */
  create: [({ secret, live }) => secret.kind === 'Absent' && live, 'the Secret is not known to be absent'],
  /** Every key stays and keeps its part, so a container that has loaded it notices no difference. */
  adopt: [({ secret }) => secret.kind === 'Unmanaged', 'the Secret has no key to adopt'],
  /** People have allowed refusing every outstanding token, and a window is open. */
  cutover: [
    ({ settings, window, live }) => settings.allowCutover && window.open && live,
    'a cutover is not allowed now',
  ],
  /** A key has leaked: refusing a valid token is better than accepting a forged one. This write waits for nothing. */
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

/** Milliseconds that tokens outlive their signer. During a rotation, an edit of the spec can only lengthen it. */
export function drainMsOf(facts: { readonly settings: Pick<Drain, 'drainMs'> }, keyset: Keyset): number {
  return Math.max(facts.settings.drainMs, keyset.rotation?.drainMs ?? 0);
}
