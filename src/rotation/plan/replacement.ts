/**
 * Replaces every pod at once, because the keys that it holds do harm: in an emergency it may accept a forged token, in
 * a cutover it refuses the tokens of the others.
 *
 * 1. Delete every pod that may hold an older keyset, verifiers first, with little grace and without asking a budget.
 * 2. Ask every pod. Delete a pod that proves to hold an older keyset again, once.
 * 3. When all hold the newest keyset, the older keys are dead everywhere.
 */

import { defined } from '../../base/objects.ts';
import type { Finding } from '../api/finding.ts';
import type { Facts, PodOf, TargetFacts } from '../facts.ts';
import { UNKNOWN } from '../keyset/before.ts';
import { type Acked, currentShape, type Keyset } from '../keyset/keyset.ts';
import { mayHaveStartedBefore, surelyStartedBefore } from '../workloads/starts.ts';
import {
  acceptsAny,
  bump,
  FRESH_MS,
  isLeftAlone,
  isRolledOut,
  isStampable,
  mayBeReplaced,
  RETRY_MS,
  type Requirement,
  type Survey,
  survey,
  toProbe,
  waitedText,
} from './converge.ts';
import type { Step } from './decision.ts';
import { restartEffect } from './effect.ts';
import { isUnprovable, levelOf, shapesHeld, startedAfterWrite } from './evidence.ts';
import { acceptsMadeUpKey, doesNotFollow, refusesEveryKey, stillRunning } from './policies/pods.ts';
import { label } from './policies/targets.ts';
import { requirementsOf } from './requirements.ts';
import { isReplacedForDoubt, reachedAllAt } from './settling.ts';
import { clockFinding, confirmed, type Judged } from './write-gate.ts';

/** Pause before rekey reads again what no watch reports, milliseconds. */
const UNSEEN_RETRY_MS = 10_000;
/** How long such a pod gets to end. */
export const GRACE_SECONDS = 5;

export interface Replacement {
  readonly phase: 'Burning' | 'Switching';
  /** A rolling restart instead: gentler, but it takes longer. */
  readonly rolling: boolean;
  /** What is replaced, for people: "every burnt key". */
  readonly what: string;
  readonly done: (acked: Acked) => Judged;
}

/** @returns the next step until no live pod holds an older key */
export function planReplacement(facts: Facts, keyset: Keyset, replacement: Replacement): Step {
  const { phase, rolling, what, done } = replacement;
  const requirements = requirementsOf(facts.targets, keyset);
  const rows = survey(requirements, keyset);
  const all = requirements.flatMap(({ target }) => target.pods).length;
  const inferred = rows.met.filter(({ target }) => levelOf(target) === 'Inferred').length;
  const how = inferred === 0 ? '' : ` (${inferred} inferred)`;
  const progress = `${rows.met.length} of ${all} pods refuse ${what}${how}${waitedText(rows)}`;
  const targets = rolling ? unstamped(requirements, facts, keyset) : [];
  if (targets.length > 0) return { action: bump(targets, keyset, facts), phase, progress };
  const pods = doomed(facts, keyset, rows, rolling);
  if (pods.length > 0) return { action: { type: 'delete', pods, graceSeconds: GRACE_SECONDS }, phase, progress };
  const asked = toProbe(requirements, keyset, facts.now, FRESH_MS);
  // asking once more does not remove what blocks
  const stalled = rows.met.length < all ? unproveable(facts, keyset, rows, what, progress) : undefined;
  if (asked.length > 0) return { action: { type: 'probe', pods: asked }, phase, progress, ...defined({ stalled }) };
  if (rows.met.length < all) {
    return { action: { type: 'wait', until: facts.now + RETRY_MS }, phase, progress, ...defined({ stalled }) };
  }
  const unseen = unseenTarget(facts, what);
  const awaited = requirements.find(({ target }) => target.pods.length === 0 && !isRolledOut(target))?.target;
  if (unseen === undefined && awaited !== undefined) return awaiting(facts, keyset, awaited, phase, what);
  if (unseen === undefined) return confirmed(facts, keyset, done, phase);
  return {
    action: { type: 'wait', until: facts.now + UNSEEN_RETRY_MS },
    phase,
    progress: unseen.message,
    stalled: unseen,
  };
}

/**
 * Pods to delete now, verifiers first. A pod is deleted because it
 *
 * - surely started before the write, so it need not be asked; or
 * - may have started before it, and does not answer or can never be asked; or
 * - has proved to hold an older keyset, or cannot be asked and may have read one. This counts once the write has
 *   reached every node.
 *
 * The first two do not apply to pods created after the write, and a pod created after the write has spread gets one
 * more chance ({@link mayBeReplaced}). So rekey replaces no slot more than three times, whatever its pods answer; once more if
 * the Secret was somebody else's since the write.
 */
function doomed(facts: Facts, keyset: Keyset, rows: Survey, rolling: boolean): readonly PodOf[] {
  const proved = [...rows.stale, ...rows.leaving].filter((row) => !isMute(row, keyset));
  const open = [...rows.unknown, ...rows.refusing];
  const again = rows.unfit.filter((row) => mayBeReplaced(row, facts, keyset));
  const suspects = [...rows.stale, ...rows.leaving, ...rows.unfit, ...open].filter(
    (row) =>
      again.includes(row) ||
      isOlder(row, facts, keyset) ||
      (mayBeOlder(row, facts, keyset) && (proved.includes(row) || isOpen(row, keyset))) ||
      (hasSpread(facts, keyset) && startedTooEarly(row, facts, keyset) && (proved.includes(row) || isUnaskable(row))),
  );
  // a rolling restart replaces the others in its own time, but not pods of the newest template
  const left = (row: PodOf) => rows.stale.includes(row) || isUnasked(row);
  // its answers prove nothing, but its start does
  const blind = rows.void.filter((row) => isOlder(row, facts, keyset));
  const slow = [...suspects, ...blind].filter(
    (row) => !isLeftAlone(row.target) && isSlow(row) && (!rolling || left(row)),
  );
  const verifiers = slow.filter(({ target }) => target.settings.roles.includes('Verifier'));
  return verifiers.length > 0 ? verifiers : slow;
}

/** If no pod is there at this moment, that proves nothing about later ones. */
function awaiting(
  facts: Facts,
  keyset: Keyset,
  target: TargetFacts,
  phase: 'Burning' | 'Switching',
  what: string,
): Step {
  const progress = `${label(target)} has no pod yet to prove that it refuses ${what}`;
  const late = facts.now >= currentShape(keyset).writtenAt + facts.settings.rolloutTimeoutMs;
  const stalled: Finding | undefined = late ? { reason: 'RolloutStalled', message: progress } : undefined;
  return { action: { type: 'wait', until: facts.now + RETRY_MS }, phase, progress, ...defined({ stalled }) };
}

/** Nothing can be proved about pods that cannot be found. */
function unseenTarget({ targets }: Facts, what: string): Finding | undefined {
  const finding = targets.find(({ unseen }) => unseen === true)?.finding;
  if (finding === undefined) return undefined;
  const { reason, message } = finding;
  return {
    reason,
    message: `${message}; rekey neither replaces nor asks its pods, so it is not proved that they refuse ${what}`,
  };
}

/**
 * rekey does not delete new pods again and again because a canary is wrong. In that case nothing can be proved, and a
 * person must look.
 */
function unproveable(facts: Facts, keyset: Keyset, rows: Survey, what: string, progress: string): Finding | undefined {
  const liar = rows.void[0]?.pod;
  if (liar !== undefined) return acceptsMadeUpKey(liar, `rekey cannot prove that it refuses ${what}`);
  const mute = [...rows.refusing, ...rows.stale.filter((row) => isMute(row, keyset))].find(({ pod }) => pod.ready)?.pod;
  if (mute !== undefined) {
    return refusesEveryKey(mute, 'the new one', `until then it is not proved that the pods refuse ${what}`);
  }
  const running = stillRunning(
    [...rows.stale, ...rows.leaving, ...rows.unknown],
    `it may accept ${what} until it ends`,
  );
  if (running !== undefined) return running;
  const unfit = rows.unfit[0];
  if (unfit !== undefined) {
    const { reason, message } = doesNotFollow(unfit, facts, keyset);
    return { reason, message: `${message}. It is not over: not every pod refuses ${what}` };
  }
  if (facts.unlistedConsumers.length > 0) {
    const message = `${facts.unlistedConsumers.join(', ')} reads a key of the Secret and is not a target: rekey neither restarts nor asks it; restart it by hand`;
    return { reason: 'UnlistedConsumer', message };
  }
  if (facts.clockOffsetMs === undefined) return clockFinding(facts);
  if (facts.now < currentShape(keyset).writtenAt + facts.settings.rolloutTimeoutMs) return undefined;
  const silent = rows.unknown.find(({ pod }) => pod.probe?.why !== undefined)?.pod;
  const why = silent === undefined ? '' : ` (canary of pod ${silent.name}: ${silent.probe?.why})`;
  return { reason: 'RolloutStalled', message: `some pods may still accept ${what}: ${progress}${why}` };
}

/** If somebody takes a restart back, rekey still deletes the pods that it has not replaced. */
function unstamped(
  requirements: readonly Requirement[],
  { refusals = [], now }: Facts,
  keyset: Keyset,
): readonly TargetFacts[] {
  const isHeld = (target: TargetFacts) => {
    const effect = restartEffect(target, keyset.version);
    return refusals.some((refusal) => refusal.cause === 'Undone' && refusal.effect === effect && now < refusal.retryAt);
  };
  const targets = requirements.map(({ target }) => target);
  return targets.filter((target) => isStampable(target, keyset) && !isHeld(target));
}

/** The pod surely holds an older key; no answer is needed. */
function isOlder({ pod }: PodOf, { settings }: Facts, keyset: Keyset): boolean {
  const { createdAt, startedAt } = pod;
  if (startedAt === undefined) return false;
  return surelyStartedBefore({ createdAt, startedAt }, currentShape(keyset).writtenAt, settings.clockSkewMs);
}

/** The clock of its node may differ by the skew, so the pod itself is asked if possible. */
function mayBeOlder({ pod }: PodOf, { settings }: Facts, keyset: Keyset): boolean {
  const { createdAt, startedAt } = pod;
  if (startedAt === undefined) return false;
  return mayHaveStartedBefore({ createdAt, startedAt }, currentShape(keyset).writtenAt, settings.clockSkewMs);
}

/**
 * The pod has not answered everything about this keyset, or cannot be asked. It is better to refuse a token than to
 * accept a forged one.
 */
function isOpen(row: PodOf, keyset: Keyset): boolean {
  return isUnaskable(row) || row.pod.probe?.version === keyset.version;
}

function isUnaskable({ target, pod }: PodOf): boolean {
  return isBlind(target) || pod.unprobeable !== undefined;
}

/** No answer shows what its pods hold. Of several containers with mounted files one answers, and the others follow by themselves. */
function isBlind(target: TargetFacts): boolean {
  return target.settings.source === 'File' ? isUnprovable(target) : levelOf(target) === 'Inferred';
}

function hasSpread(facts: Facts, keyset: Keyset): boolean {
  return facts.now >= reachedAllAt(facts, keyset);
}

/** If the time of the API server is unknown, this is unknown for every pod, and a successor would be no different. */
function startedTooEarly({ pod }: PodOf, facts: Facts, keyset: Keyset): boolean {
  if (pod.readUpTo === undefined || startedAfterWrite(pod, keyset)) return false;
  return isReplacedForDoubt(pod, facts, keyset);
}

/** A pod of the newest template that can never answer which keyset it holds. */
function isUnasked({ target, pod }: PodOf): boolean {
  return isBlind(target) && pod.templateVersion === target.workload?.templateVersion;
}

/** After a Secret was lost, a pod that refuses every key may hold a key that nobody knows. */
function isMute({ target, pod }: PodOf, keyset: Keyset): boolean {
  return shapesHeld(target, pod, keyset).every(({ sign }) => sign === UNKNOWN) && !acceptsAny(pod);
}

/** Not deleted yet, or deleted by somebody who gave it more time. */
function isSlow({ pod }: PodOf): boolean {
  return !pod.terminating || (pod.graceSeconds ?? 0) > GRACE_SECONDS;
}
