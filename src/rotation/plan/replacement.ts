/**
 * Every pod is replaced at once, because what it holds must not go on: in an emergency it may accept a forged token, in a
 * cutover it refuses the tokens of the others.
 *
 * 1. Delete every pod that may hold an older keyset, verifiers first, with little grace and without asking a budget.
 * 2. Ask every pod. One that is proved to hold an older keyset is deleted again.
 * 3. When all hold the newest, the keys before are dead everywhere.
 */

import type { Facts, TargetFacts } from '../facts.ts';
import type { Finding } from '../finding.ts';
import { type Acked, currentShape, type Keyset } from '../keyset/keyset.ts';
import { UNKNOWN, type Write } from '../keyset/transition.ts';
import {
  acceptsAny,
  FRESH_MS,
  isStampable,
  type PodOf,
  RETRY_MS,
  type Requirement,
  type Survey,
  survey,
  toProbe,
} from './converge.ts';
import type { Decision } from './decision.ts';
import { levelOf, SETTLE_MS, shapesHeld } from './evidence.ts';
import { confirmed } from './guard.ts';
import { requirementsOf } from './requirements.ts';

/** What nobody tells of is looked at again after this, milliseconds. */
const UNSEEN_RETRY_MS = 10_000;
/** Pods that hold what must not go on get this long to end. */
export const GRACE_SECONDS = 5;

export interface Replacement {
  readonly phase: 'Burning' | 'Switching';
  /** A rolling restart instead: gentler, and slower to close. */
  readonly rolling: boolean;
  /** What is replaced, for people: "every burnt key". */
  readonly what: string;
  readonly done: (acked: Acked) => Write;
}

export function planReplacement(facts: Facts, keyset: Keyset, replacement: Replacement): Decision {
  const { phase, rolling, what, done } = replacement;
  const requirements = requirementsOf(facts.targets, keyset);
  const rows = survey(requirements, keyset);
  const all = requirements.flatMap(({ target }) => target.pods).length;
  const progress = `${rows.met.length} of ${all} pods are proved to refuse ${what}`;
  const older = (row: PodOf) => isOlder(row, facts, keyset);
  const proved = [...rows.stale, ...rows.leaving].filter((row) => older(row) || !isMute(row, keyset));
  const suspects = [...proved, ...[...rows.unknown, ...rows.refusing].filter(older)];
  const targets = rolling ? unstamped(requirements, keyset) : [];
  if (targets.length > 0) return { action: { type: 'bump', targets, version: keyset.version }, phase, progress };
  // a rolling restart replaces the others in its own time; those of the newest template it leaves alone
  const left = (row: PodOf) => rows.stale.includes(row) || isUnasked(row);
  const doomed = suspects.filter((row) => isSlow(row) && (!rolling || left(row)));
  const verifiers = doomed.filter(({ target }) => target.settings.roles.includes('Verifier'));
  const pods = verifiers.length > 0 ? verifiers : doomed;
  if (pods.length > 0) return { action: { type: 'delete', pods, graceSeconds: GRACE_SECONDS }, phase, progress };
  const asked = toProbe(requirements, keyset, facts.now, FRESH_MS);
  if (asked.length > 0) return { action: { type: 'probe', pods: asked }, phase, progress };
  if (rows.met.length < all) {
    const stalled = unproveable(facts, keyset, rows, what, progress);
    return { action: { type: 'wait', until: facts.now + RETRY_MS }, phase, progress, ...(stalled && { stalled }) };
  }
  const unseen = unseenTarget(facts, what);
  if (unseen === undefined) return confirmed(facts, keyset, done, phase);
  return {
    action: { type: 'wait', until: facts.now + UNSEEN_RETRY_MS },
    phase,
    progress: unseen.message,
    stalled: unseen,
  };
}

/** Of pods that cannot be found nothing can be proved. */
function unseenTarget({ targets }: Facts, what: string): Finding | undefined {
  const finding = targets.find(({ unseen }) => unseen === true)?.finding;
  if (finding === undefined) return undefined;
  const { reason, message } = finding;
  return {
    reason,
    message: `${message}; its pods are neither replaced nor asked, so it is not proved that they refuse ${what}`,
  };
}

/** New pods are not deleted again and again because a canary is wrong: then it cannot be proved, and a person must look. */
function unproveable(facts: Facts, keyset: Keyset, rows: Survey, what: string, progress: string): Finding | undefined {
  const liar = rows.void[0]?.pod;
  if (liar !== undefined) {
    const message = `pod ${liar.name} accepted a token signed with a made-up key: whether it refuses ${what} cannot be proved`;
    return { reason: 'CanaryVoid', message };
  }
  const mute = [...rows.refusing, ...rows.stale.filter((row) => isMute(row, keyset))].find(({ pod }) => pod.ready)?.pod;
  if (mute !== undefined) {
    const message = `pod ${mute.name} refuses canaries signed with every key, the fresh one too: check spec.canary, spec.key.algorithm and the clocks; until then it is not proved that the pods refuse ${what}`;
    return { reason: 'CanaryRefused', message };
  }
  if (facts.unlistedConsumers.length > 0) {
    const message = `${facts.unlistedConsumers.join(', ')} uses the Secret and is no target: it is neither restarted nor asked; restart it by hand`;
    return { reason: 'UnlistedConsumer', message };
  }
  if (facts.now < currentShape(keyset).writtenAt + facts.settings.rolloutTimeoutMs) return undefined;
  return { reason: 'RolloutStalled', message: `some pods may still accept ${what}: ${progress}` };
}

function unstamped(requirements: readonly Requirement[], keyset: Keyset): readonly TargetFacts[] {
  const targets = requirements.map(({ target }) => target);
  return targets.filter((target) => isStampable(target, keyset));
}

/**
 * Started before the write, so it holds what is replaced; no answer is needed to know that. Where none can be asked for,
 * one that started before the write had spread may hold it too.
 */
function isOlder({ target, pod }: PodOf, { now }: Facts, keyset: Keyset): boolean {
  if (pod.startedAt === undefined) return false;
  const { writtenAt } = currentShape(keyset);
  if (pod.startedAt < writtenAt) return true;
  const settled = writtenAt + SETTLE_MS;
  return levelOf(target) === 'Inferred' && now >= settled && pod.startedAt < settled;
}

/** Of the newest template, and no answer will ever tell what it holds. */
function isUnasked({ target, pod }: PodOf): boolean {
  return levelOf(target) === 'Inferred' && pod.templateVersion === target.workload?.templateVersion;
}

/** Over a Secret that was lost, a pod that refuses every key is like one that holds a key nobody knows. */
function isMute({ target, pod }: PodOf, keyset: Keyset): boolean {
  return shapesHeld(target, pod, keyset).every(({ sign }) => sign === UNKNOWN) && !acceptsAny(pod);
}

/** Still to be deleted, or to be hurried: it was deleted by somebody who gave it more time. */
function isSlow({ pod }: PodOf): boolean {
  return !pod.terminating || (pod.graceSeconds ?? 0) > GRACE_SECONDS;
}
