/**
 * A key has leaked. The other way round than a rotation: better to refuse a valid token than to accept a forged one.
 *
 *     any phase → Burning → Steady
 *
 * 1. Write a fresh key, alone: never the staged one, which lay in the same Secret. Every other key is burnt for ever.
 * 2. Delete every pod that may accept a burnt key, verifiers first, with little grace and without asking a budget. Where
 *    spec.emergency.mode is Rolling, restart the workloads instead: gentler, and slower to close.
 * 3. Send every pod a token signed with each burnt key. One that accepts it is deleted again.
 * 4. When all refuse, the burnt keys are dead everywhere, and the time of that is known.
 *
 * It waits for no window, no suspension and no pause, and comes before every other check. It runs once per nonce.
 */
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
import type { EmergencyRequest, Facts, TargetFacts } from './facts.ts';
import type { Finding } from './finding.ts';
import { confirmed } from './guard.ts';
import { currentShape, type Keyset } from './keyset.ts';
import { requirementsOf } from './requirements.ts';
import { stampedVersion } from './stamps.ts';
import { UNKNOWN } from './transition.ts';

/** Pods that may accept a burnt key get this long to end. */
export const GRACE_SECONDS = 5;

/** @returns the write that burns every key, if an emergency is asked for that has not been served */
export function emergencyRequested(facts: Facts): Decision | undefined {
  const { requests, secret, nextRotationId } = facts;
  const { emergency } = requests;
  if (emergency === undefined || isServed(emergency, facts)) return undefined;
  if (secret.kind === 'Refused' && secret.finding.reason.startsWith('Secret')) {
    const { reason } = secret.finding;
    const message = `EMERGENCY NOT SERVED: ${secret.finding.message}`;
    return { action: { type: 'wait' }, phase: 'Degraded', progress: message, stalled: { reason, message } };
  }
  const { nonce, reason, actor } = emergency;
  const rotation = { id: nextRotationId, trigger: 'Emergency', actor, reason, drainMs: 0 } as const;
  const write = { transition: 'burn', nonce, rotation, version: stampedVersion(facts) } as const;
  return { action: { type: 'write', write }, phase: 'Burning', progress: `emergency ${nonce}: ${reason}` };
}

function isServed({ nonce, handled }: EmergencyRequest, { secret }: Facts): boolean {
  const keyset = secret.kind === 'Managed' || secret.kind === 'Refused' ? secret.keyset : undefined;
  return keyset === undefined ? handled : keyset.handled.emergencies?.includes(nonce) === true;
}

export function planBurning(facts: Facts, keyset: Keyset): Decision {
  const phase = 'Burning';
  const requirements = requirementsOf(facts.targets, keyset);
  const rows = survey(requirements, keyset);
  const all = requirements.flatMap(({ target }) => target.pods).length;
  const progress = `${rows.met.length} of ${all} pods are proved to refuse every burnt key`;
  const older = (row: PodOf) => isOlder(row, facts, keyset);
  const proved = [...rows.stale, ...rows.leaving].filter((row) => older(row) || !isMute(row, keyset));
  const suspects = [...proved, ...[...rows.unknown, ...rows.refusing].filter(older)];
  const rolling = facts.settings.emergencyMode === 'Rolling';
  const targets = rolling ? unstamped(requirements, keyset) : [];
  if (targets.length > 0) return { action: { type: 'bump', targets, version: keyset.version }, phase, progress };
  // a rolling restart replaces the others in its own time; those of the newest template it leaves alone
  const doomed = suspects.filter((row) => isSlow(row) && (!rolling || rows.stale.includes(row)));
  const verifiers = doomed.filter(({ target }) => target.settings.roles.includes('Verifier'));
  const pods = verifiers.length > 0 ? verifiers : doomed;
  if (pods.length > 0) return { action: { type: 'delete', pods, graceSeconds: GRACE_SECONDS }, phase, progress };
  const asked = toProbe(requirements, keyset, facts.now, FRESH_MS);
  if (asked.length > 0) return { action: { type: 'probe', pods: asked }, phase, progress };
  if (rows.met.length < all) {
    const stalled = unproveable(facts, keyset, rows, progress);
    return { action: { type: 'wait', until: facts.now + RETRY_MS }, phase, progress, ...(stalled && { stalled }) };
  }
  return confirmed(facts, keyset, (acked) => ({ transition: 'extinguish', acked }), phase);
}

/** New pods are not deleted again and again because a canary is wrong: then it cannot be proved, and a person must look. */
function unproveable(facts: Facts, keyset: Keyset, rows: Survey, progress: string): Finding | undefined {
  const liar = rows.void[0]?.pod;
  if (liar !== undefined) {
    const message = `pod ${liar.name} accepted a token signed with a made-up key: whether it refuses the burnt keys cannot be proved`;
    return { reason: 'CanaryVoid', message };
  }
  const mute = [...rows.refusing, ...rows.stale.filter((row) => isMute(row, keyset))].find(({ pod }) => pod.ready)?.pod;
  if (mute !== undefined) {
    const message = `pod ${mute.name} refuses canaries signed with every key, the fresh one too: check spec.canary, spec.key.algorithm and the clocks; until then it is not proved that the burnt keys are dead`;
    return { reason: 'CanaryRefused', message };
  }
  if (facts.unlistedConsumers.length > 0) {
    const message = `${facts.unlistedConsumers.join(', ')} uses the Secret and is no target: it is neither restarted nor asked; restart it by hand`;
    return { reason: 'UnlistedConsumer', message };
  }
  if (facts.now < currentShape(keyset).writtenAt + facts.settings.rolloutTimeoutMs) return undefined;
  return { reason: 'RolloutStalled', message: `some pods may still accept a burnt key: ${progress}` };
}

function unstamped(requirements: readonly Requirement[], keyset: Keyset): readonly TargetFacts[] {
  const targets = requirements.map(({ target }) => target);
  return targets.filter((target) => isStampable(target, keyset));
}

/**
 * Started before the write, so it holds what is burnt; no answer is needed to know that. Where none can be asked for, one
 * that started before the write had spread may hold it too.
 */
function isOlder({ target, pod }: PodOf, { now }: Facts, keyset: Keyset): boolean {
  if (pod.startedAt === undefined) return false;
  const { writtenAt } = currentShape(keyset);
  if (pod.startedAt < writtenAt) return true;
  const settled = writtenAt + SETTLE_MS;
  return levelOf(target) === 'Inferred' && now >= settled && pod.startedAt < settled;
}

/** Over a Secret that was lost, a pod that refuses every key is like one that holds a key nobody knows. */
function isMute({ target, pod }: PodOf, keyset: Keyset): boolean {
  return shapesHeld(target, pod, keyset).every(({ sign }) => sign === UNKNOWN) && !acceptsAny(pod);
}

/** Still to be deleted, or to be hurried: it was deleted by somebody who gave it more time. */
function isSlow({ pod }: PodOf): boolean {
  return !pod.terminating || (pod.graceSeconds ?? 0) > GRACE_SECONDS;
}
