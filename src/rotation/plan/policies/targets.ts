/**
 * What is wrong with a target, and how it is named.
 */
import type { Policy, Reason } from '../../api/finding.ts';
import type { Surroundings, TargetFacts } from '../../facts.ts';

/** A check that needs neither the Secret nor an answer of a pod. */
export type SurroundingsPolicy = Policy<Surroundings>;

/** @returns one finding for each target of which it is true */
export function eachTarget(
  reason: Reason,
  isUnfit: (target: TargetFacts) => boolean,
  message: (target: TargetFacts, facts: Surroundings) => string,
): SurroundingsPolicy {
  return (facts) =>
    facts.targets
      .filter(isUnfit)
      .map((target) => ({ reason, message: `${field(facts, target)}: ${message(target, facts)}` }));
}

/** @returns such as `Deployment/api` */
export function label({ settings }: TargetFacts): string {
  return `${settings.kind}/${settings.name}`;
}

/** @returns the field of the spec, such as `spec.targets[0]` */
export function field({ targets }: Surroundings, target: TargetFacts): string {
  return `spec.targets[${targets.indexOf(target)}]`;
}
