/** A rotation under way: what each phase waits for, and what it does then. The rules are in plan.ts. */

import { defined } from '../../base/objects.ts';
import type { Finding } from '../api/finding.ts';
import { REQUEST, requestText } from '../api/names.ts';
import type { Facts, PodOf, TargetFacts } from '../facts.ts';
import { currentShape, type Keyset, type Kid, keyIn } from '../keyset/keyset.ts';
import type { Failure, Write } from '../keyset/writes.ts';
import { iso } from '../schedule/duration.ts';
import { drainTextOf } from '../settings/drain.ts';
import {
  bump,
  FRESH_MS,
  isRolledOut,
  isStampable,
  RETRY_MS,
  type Requirement,
  type Survey,
  survey,
} from './converge.ts';
import { mayCutOver, planCutover } from './cutover.ts';
import { outsideWindow, type Step } from './decision.ts';
import { levelOf, startedAfterWrite } from './evidence.ts';
import { inferredOfDrain, inferredOfRotation } from './inferred.ts';
import { withdrawing } from './pending.ts';
import { acceptsMadeUpKey, refusesNewKey } from './policies/pods.ts';
import { reloaderPresent } from './policies/reloader.ts';
import { requirementsOf } from './requirements.ts';
import { roll, stalledFinding } from './roll.ts';
import { reachedAllAt, restartableAt } from './settling.ts';
import { confirmed, drainMsOf, guarded } from './write-gate.ts';

/** Pause before rekey looks again at what blocks the end of a drain, milliseconds. */
const STALLED_LOOK_MS = 10_000;

/**
 * After stage, until promote. The verifiers load the staged key. If one cannot hold two keys, the rotation ends; this
 * refuses no token.
 */
export function planStaging(facts: Facts, keyset: Keyset): Step {
  const requirements = requirementsOf(facts.targets, keyset);
  const rows = survey(requirements, keyset);
  const unfit = unfitVerifier(requirements, rows, keyset, facts.settleMs);
  const cutOver = mayCutOver(facts) && facts.window.open && reloaderPresent(facts) === undefined;
  if (unfit?.reason === 'SingleKeyService' && cutOver) return planCutover(facts, keyset);
  if (unfit !== undefined) return abort(facts, keyset, unfit);
  // if no pod of a target accepts the key, only a pod that starts after the write has spread shows whether the service is the cause
  const accepts = (row: PodOf) => rows.met.some((other) => other.target === row.target);
  const isNew = ({ pod }: PodOf) => pod.createdAt >= currentShape(keyset).writtenAt;
  const doubtful = (row: PodOf) => isNew(row) && !accepts(row) && !isRolledOut(row.target);
  const replaceable = [...rows.stale, ...rows.unfit].filter((row) => !doubtful(row));
  const maxAgeMs = facts.window.open ? FRESH_MS : Number.POSITIVE_INFINITY;
  const step = roll(facts, keyset, requirements, { rows, replaceable, maxAgeMs, phase: 'Staging' });
  if (step !== undefined) return step;
  if (!facts.window.open) return outsideWindow(facts.window, 'Staged', 'staged everywhere');
  return confirmed(facts, keyset, (acked) => ({ transition: 'promote', acked }), 'Staged');
}

/**
 * After promote, until drain. The signers load the new key. No older signer may be alive then, including Terminating
 * ones.
 */
export function planPromoting(facts: Facts, keyset: Keyset): Step {
  const requirements = requirementsOf(facts.targets, keyset);
  const step = roll(facts, keyset, requirements, { maxAgeMs: FRESH_MS, phase: 'Promoting' });
  return (
    step ??
    confirmed(facts, keyset, (acked) => ({ transition: 'drain', acked, inferred: inferredOfDrain(facts) }), 'Promoting')
  );
}

/**
 * After drain, until retire. Waits until the last token of the old key has expired, counted from the exit of the last
 * container that could sign it.
 */
export function planDraining(facts: Facts, keyset: Keyset): Step {
  const requirements = requirementsOf(facts.targets, keyset);
  const signers = requirements.filter(({ target }) => target.settings.roles.includes('Signer'));
  const draining = keyIn(keyset, 'draining');
  const rows = survey(signers, keyset);
  const late = mayBeLate(rows, draining?.kid) || rows.unknown.some(mayHaveReadAnything);
  const lastSignerExit = draining?.lastSignerExit;
  if (lastSignerExit === undefined || late) {
    return guarded(facts, keyset, { transition: 'reopen' }, 'Draining');
  }
  const drainMs = drainMsOf(facts, keyset);
  const retireAt = lastSignerExit + drainMs;
  const due = facts.now >= retireAt;
  const maxAgeMs = due ? FRESH_MS : Number.POSITIVE_INFINITY;
  const step = roll(facts, keyset, requirements, { maxAgeMs, phase: 'Draining' });
  if (step !== undefined && (due || step.action.type !== 'wait')) return step;
  const which = keyset.rotation?.failure === undefined ? 'the old key' : 'the new key of this rotation';
  if (!due) return waiting(which, retireAt, drainTextOf(facts.settings, drainMs), step?.stalled, facts.now);
  const next = facts.settings.preStage ? ({ preStage: true } as const) : {};
  return confirmed(facts, keyset, (acked) => ({ transition: 'retire', acked, ...next }), 'Draining');
}

/** A signer that proves not to sign with the new key signs with the old one, unless it refuses the old one. */
function mayBeLate({ stale, leaving, unfit }: Survey, old: Kid | undefined): boolean {
  return [...stale, ...leaving, ...unfit].some(
    ({ pod }) => old === undefined || pod.probe?.answers.get(old) !== 'refused',
  );
}

/** Nobody can ask it, and it started while the Secret was somebody else's: it may sign with any key. */
function mayHaveReadAnything({ target, pod }: PodOf): boolean {
  return pod.foreign !== undefined && levelOf(target) === 'Inferred';
}

/** @param lasts how long the drain is, for people */
function waiting(which: string, retireAt: number, lasts: string, stalled: Finding | undefined, now: number): Step {
  const progress = `${which} leaves at ${iso(retireAt)}, ${lasts} after the last pod that could sign with it was gone`;
  const until = stalled === undefined ? retireAt : Math.min(retireAt, now + STALLED_LOOK_MS);
  return { action: { type: 'wait', until }, phase: 'Draining', progress, ...defined({ stalled }) };
}

/**
 * After retire, until finish. The verifiers forget the old key: now, or with retire mode Lazy when they next restart
 * for another reason.
 */
export function planRetiring(facts: Facts, keyset: Keyset): Step {
  const requirements = requirementsOf(facts.targets, keyset);
  const lazy = facts.settings.retireMode === 'Lazy' && keyIn(keyset, 'staged') === undefined;
  const step = lazy ? undefined : roll(facts, keyset, requirements, { maxAgeMs: FRESH_MS, phase: 'Retiring' });
  const outcome = keyset.rotation?.failure === undefined ? 'Completed' : 'RolledBack';
  const inferred = inferredOfRotation(facts, keyset, lazy);
  return step ?? confirmed(facts, keyset, (acked) => ({ transition: 'finish', acked, outcome, inferred }), 'Retiring');
}

/**
 * The verifiers forget the aborted key. It never signed, so it does not matter when they do, and rekey waits for no
 * answer. It waits until the write has spread, so that what starts has surely read it.
 */
export function planAborting(facts: Facts, keyset: Keyset): Step {
  const phase = 'Aborting';
  const requirements = requirementsOf(facts.targets, keyset);
  const verifying = requirements.filter(({ restart }) => restart).map(({ target }) => target);
  const targets = verifying.filter((target) => isStampable(target, keyset));
  const progress = 'restarting the verifiers without the aborted key';
  const settled = targets.filter((target) => facts.now >= restartableAt(target, facts, keyset));
  if (settled.length > 0) return { action: bump(settled, keyset, facts), phase, progress };
  if (targets.length > 0) {
    const stalled = stalledFinding(facts, keyset, requirements, [], progress);
    return { action: { type: 'wait', until: reachedAllAt(facts, keyset) }, phase, progress, ...defined({ stalled }) };
  }
  if (verifying.every(isRolledOut)) {
    return confirmed(facts, keyset, (acked) => ({ transition: 'finish', acked, outcome: 'Aborted' }), phase);
  }
  const stalled = stalledFinding(facts, keyset, requirements, [], progress);
  return { action: { type: 'wait', until: facts.now + 2 * RETRY_MS }, phase, progress, ...defined({ stalled }) };
}

/**
 * What an abort request does: before promote the staged key leaves, after it the old key signs again. Later there is
 * nothing to go back to. It also ends what is queued: whoever stops a rotation does not want the next one.
 */
export function abortRequested(facts: Facts, keyset: Keyset): Step | undefined {
  const { abortAt, abortActor } = facts.requests;
  if (abortAt === undefined || abortAt === keyset.handled.abortAt) return undefined;
  const withdrawn = withdrawing(facts, keyset.handled);
  const ended = { ...withdrawn, handled: { ...withdrawn.handled, abortAt } };
  const who = abortActor === undefined ? '' : `requested by ${abortActor}: `;
  const failure: Failure = { reason: 'AbortRequested', message: `${who}${requestText(REQUEST.abortAt, abortAt)}` };
  const { acked } = keyset;
  if (keyset.phase === 'Staging')
    return guarded(facts, keyset, { transition: 'abort', acked, failure, ...ended }, keyset.phase);
  const rollback: Write = { transition: 'rollback', acked, failure, ...ended };
  const forward = keyset.rotation?.failure === undefined;
  if ((keyset.phase === 'Promoting' || keyset.phase === 'Draining') && forward) {
    return guarded(facts, keyset, rollback, keyset.phase);
  }
  return guarded(facts, keyset, { transition: 'dismiss', ...ended }, keyset.phase);
}

function abort(facts: Facts, keyset: Keyset, failure: Failure): Step {
  const { acked, handled } = keyset;
  return guarded(facts, keyset, { transition: 'abort', acked, failure, handled }, keyset.phase);
}

/** Staging is a free, reversible test of whether every verifier can hold two keys. */
function unfitVerifier(
  requirements: readonly Requirement[],
  rows: Survey,
  keyset: Keyset,
  settleMs: number,
): Failure | undefined {
  const liar = rows.void[0];
  if (liar !== undefined) return acceptsMadeUpKey(liar.pod);
  const unfit = requirements.find(({ target }) => refusesNewKeys(target, rows, keyset));
  return unfit && refusesNewKey(unfit.target, settleMs);
}

/**
 * All pods refuse, and one of them started long after the write: the cause is the service, not a stale Secret on some
 * node.
 */
function refusesNewKeys(target: TargetFacts, rows: Survey, keyset: Keyset): boolean {
  const behind = [...rows.stale, ...rows.unfit].filter((row) => row.target === target);
  if (behind.length === 0 || behind.length < target.pods.length || !isRolledOut(target)) return false;
  // a pod that started before the write proves nothing about the service
  const { writtenAt } = currentShape(keyset);
  const areNew = behind.every(({ pod }) => pod.createdAt >= writtenAt);
  return areNew && behind.some(({ pod }) => startedAfterWrite(pod, keyset));
}
