/**
 * The checks before any write; none of them asks a pod. If one finds something, rekey writes nothing. It reports the
 * first finding and the number of the others.
 */

import { type Finding, findingsOf, inShort } from '../../api/finding.ts';
import type { Facts, Surroundings } from '../../facts.ts';
import { copiedFinding } from '../../settings/data-keys.ts';
import { isGoneJob } from '../converge.ts';
import { isUnprovable } from '../evidence.ts';
import { literalInManifest, notConsumed, shadowedBy } from './sources.ts';
import { eachTarget, field, label, type SurroundingsPolicy } from './targets.ts';

const targetUnfit: SurroundingsPolicy = (facts) =>
  facts.targets.flatMap((target) => {
    const { finding } = target;
    return finding === undefined ? [] : [{ ...finding, message: `${field(facts, target)}: ${finding.message}` }];
  });

const targetNotFound = eachTarget(
  'TargetNotFound',
  (target) => target.workload === undefined && target.finding === undefined && !isGoneJob(target),
  (target) => `${label(target)} does not exist in this namespace; create it or remove the target`,
);

const targetNotConsuming = eachTarget(
  'TargetNotConsuming',
  ({ workload }) => workload?.consumes === false,
  (target, { settings }) =>
    `no container of ${label(target)} reads a key of Secret ${settings.secretName} by env, envFrom or volume; a restart would not give it the key`,
);

const targetPaused = eachTarget(
  'TargetPaused',
  ({ workload }) => workload?.paused === true,
  (target) => `${label(target)} is paused, so its pods would not restart; run kubectl rollout resume`,
);

const targetManual = eachTarget(
  'CanaryMissing',
  (target) => target.workload?.manual === true && target.workload.leftAlone !== true && isUnprovable(target),
  (target) =>
    `${label(target)} does not replace its pods by itself (OnDelete or a partition), and without a canary rekey cannot know which of them to restart; declare a canary`,
);

const targetUnasked = eachTarget(
  'CanaryMissing',
  (target) => target.settings.source === 'File' && isUnprovable(target) && target.workload !== undefined,
  (target) =>
    `${label(target)} reads mounted files, which follow the Secret after a delay; only a canary shows when. Declare a canary (and the role Verifier), or set source: Env to restart it`,
);

const unlistedConsumer: SurroundingsPolicy = ({ unlistedConsumers, settings }) => {
  if (settings.unlistedConsumers === 'Warn') return [];
  return unlistedConsumers.map((consumer) => ({
    reason: 'UnlistedConsumer',
    message: `${consumer} reads a key of Secret ${settings.secretName} and is not a target; add it to spec.targets. Only if it neither signs nor verifies: spec.unlistedConsumers: Warn`,
  }));
};

/** A staged key that can never be promoted helps nobody. */
const noWindow: SurroundingsPolicy = ({ impossibleWindow }) =>
  impossibleWindow === undefined ? [] : [impossibleWindow];

const keyCopied: SurroundingsPolicy = ({ settings, copies = [] }) =>
  copies.length === 0 ? [] : [copiedFinding(settings, copies)];

const rolloutFailed: SurroundingsPolicy = ({ targets }) =>
  targets.flatMap((target) => {
    const failed = target.workload?.failed;
    return failed === undefined ? [] : [{ reason: 'RolloutFailed', message: `${label(target)}: ${failed}` }];
  });

/** Must hold whenever rekey writes anything. */
const STANDING = [
  targetUnfit,
  targetNotFound,
  targetNotConsuming,
  literalInManifest,
  shadowedBy,
  notConsumed,
  targetPaused,
  targetManual,
  targetUnasked,
  unlistedConsumer,
];

/** @returns why rekey may not write anything for this resource */
export function standingFinding(facts: Facts): Finding | undefined {
  return facts.secret.kind === 'Refused' ? facts.secret.finding : inShort(findingsOf(STANDING, facts));
}

const rolloutInProgress: SurroundingsPolicy = ({ targets }) =>
  targets
    .filter(({ workload }) => workload?.rolledOut === false)
    .map((target) => ({
      reason: 'RolloutInProgress',
      message: `${label(target)} is in the middle of a rollout; the rotation starts after it`,
    }));

/** Must hold for a rotation to start. */
const STARTING = [keyCopied, noWindow, rolloutFailed, rolloutInProgress];

/** @returns why no rotation may start now */
export function startFinding(facts: Surroundings): Finding | undefined {
  return inShort(findingsOf(STARTING, facts));
}

export const disruptionBlocked = eachTarget(
  'DisruptionBlocked',
  ({ workload }) => workload?.heldBy !== undefined,
  (target) =>
    `PodDisruptionBudget ${target.workload?.heldBy} does not allow the eviction of any pod of ${label(target)} although all are healthy, and these pods are replaced by evictions (OnDelete, a partition, or a Rollout); make the budget allow one`,
);

/**
 * @param evicts whether the rotation would evict pods; a cutover deletes them
 * @returns everything that would block a rotation now, as far as it shows without the Secret and without asking pods
 */
export function everyFinding(surroundings: Surroundings, evicts: boolean): readonly Finding[] {
  const policies = [...STANDING, ...STARTING, ...(evicts ? [disruptionBlocked] : [])];
  return findingsOf(policies, surroundings);
}
