/**
 * The checks that stand between a resource and its first write: each needs no pod to be asked. In order, the first that
 * finds something is reported and nothing is written.
 */

import type { Facts, Surroundings } from '../../facts.ts';
import type { Finding, Policy } from '../../finding.ts';
import { firstFinding } from '../../finding.ts';
import { isUntold } from '../evidence.ts';
import { literalInManifest, notConsumed, shadowedBy } from './sources.ts';
import { field, label } from './targets.ts';

type SurroundingsPolicy = Policy<Surroundings>;

const targetUnfit: SurroundingsPolicy = (facts) => {
  const unfit = facts.targets.find(({ finding }) => finding !== undefined);
  if (unfit?.finding === undefined) return undefined;
  const { reason, message } = unfit.finding;
  return { reason, message: `${field(facts, unfit)}: ${message}` };
};

const targetNotFound: SurroundingsPolicy = (facts) => {
  const missing = facts.targets.find((target) => target.workload === undefined);
  if (missing === undefined) return undefined;
  return {
    reason: 'TargetNotFound',
    message: `${field(facts, missing)}: there is no ${label(missing)} in this namespace; create it or remove the target`,
  };
};

const targetNotConsuming: SurroundingsPolicy = (facts) => {
  const idle = facts.targets.find((target) => target.workload?.consumes === false);
  if (idle === undefined) return undefined;
  return {
    reason: 'TargetNotConsuming',
    message: `${field(facts, idle)}: no container of ${label(idle)} reads Secret ${facts.settings.secretName} by env, envFrom or volume; a restart would not give it the key`,
  };
};

const targetPaused: SurroundingsPolicy = (facts) => {
  const paused = facts.targets.find((target) => target.workload?.paused === true);
  if (paused === undefined) return undefined;
  return {
    reason: 'TargetPaused',
    message: `${field(facts, paused)}: ${label(paused)} is paused, its pods would not restart; run kubectl rollout resume`,
  };
};

const targetManual: SurroundingsPolicy = (facts) => {
  const blind = facts.targets.find((target) => target.workload?.manual === true && isUntold(target));
  if (blind === undefined) return undefined;
  return {
    reason: 'CanaryMissing',
    message: `${field(facts, blind)}: ${label(blind)} does not replace its pods by itself (OnDelete or a partition), and without a canary rekey cannot tell which of them to restart; declare one`,
  };
};

const targetUnasked: SurroundingsPolicy = (facts) => {
  const blind = facts.targets.find(
    (target) => target.settings.source === 'File' && isUntold(target) && target.workload !== undefined,
  );
  if (blind === undefined) return undefined;
  return {
    reason: 'CanaryMissing',
    message: `${field(facts, blind)}: ${label(blind)} reads mounted files, which follow the Secret in their own time; only a canary tells when. Declare one (and the role Verifier), or set source: Env to restart it`,
  };
};

const unlistedConsumer: SurroundingsPolicy = ({ unlistedConsumers, settings }) => {
  if (unlistedConsumers.length === 0 || settings.unlistedConsumers === 'Warn') return undefined;
  return {
    reason: 'UnlistedConsumer',
    message: `${unlistedConsumers.join(', ')} uses Secret ${settings.secretName} and is no target; add it to spec.targets, or set spec.unlistedConsumers: Warn`,
  };
};

/** A key that is staged and can never be promoted helps nobody. */
const noWindow: SurroundingsPolicy = ({ impossibleWindow }) => impossibleWindow;

const rolloutFailed: SurroundingsPolicy = ({ targets }) => {
  const failed = targets.find((target) => target.workload?.failed !== undefined);
  if (failed === undefined) return undefined;
  return { reason: 'RolloutFailed', message: `${label(failed)}: ${failed.workload?.failed}` };
};

/** Must hold whenever rekey is to write anything. */
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

/** @returns why nothing may be written for this resource at all */
export function standingFinding(facts: Facts): Finding | undefined {
  return facts.secret.kind === 'Refused' ? facts.secret.finding : firstFinding(STANDING, facts);
}

const rolloutInProgress: SurroundingsPolicy = ({ targets }) => {
  const moving = targets.find((target) => target.workload?.rolledOut === false);
  if (moving === undefined) return undefined;
  return {
    reason: 'RolloutInProgress',
    message: `${label(moving)} is in the middle of a rollout; the rotation starts after it`,
  };
};

/** Must hold for a rotation to start. */
const STARTING = [noWindow, rolloutFailed, rolloutInProgress];

/** @returns why no rotation may be started now */
export function startFinding(facts: Surroundings): Finding | undefined {
  return firstFinding(STARTING, facts);
}

export const disruptionBlocked: SurroundingsPolicy = (facts) => {
  const held = facts.targets.find(({ workload }) => workload?.heldBy !== undefined);
  if (held === undefined) return undefined;
  return {
    reason: 'DisruptionBlocked',
    message: `${field(facts, held)}: PodDisruptionBudget ${held.workload?.heldBy} lets no pod of ${label(held)} be evicted although all are healthy, and they are replaced by evictions (OnDelete, a partition, or a Rollout); let the budget allow one`,
  };
};

/**
 * @param evicts whether it would evict pods; a cutover deletes them
 * @returns all that would keep a rotation from starting now, as far as it shows without the Secret and without asking pods
 */
export function everyFinding(surroundings: Surroundings, evicts: boolean): readonly Finding[] {
  const policies = [...STANDING, ...STARTING, ...(evicts ? [disruptionBlocked] : [])];
  return policies.flatMap((policy) => policy(surroundings) ?? []);
}
