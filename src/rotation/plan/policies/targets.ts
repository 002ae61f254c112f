/**
 * How findings name a target.
 */
import type { Surroundings, TargetFacts } from '../../facts.ts';

/** @returns such as `Deployment/api` */
export function label({ settings }: TargetFacts): string {
  return `${settings.kind}/${settings.name}`;
}

/** @returns the field of the spec, such as `spec.targets[0]` */
export function field({ targets }: Surroundings, target: TargetFacts): string {
  return `spec.targets[${targets.indexOf(target)}]`;
}
