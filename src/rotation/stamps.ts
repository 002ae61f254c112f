/**
 * The keyset versions that pods and pod templates carry.
 */
import type { Facts } from './facts.ts';

/** The highest version that a pod or template carries: from a Secret that was lost, perhaps. Versions go on from there. */
export function stampedVersion({ targets }: Facts): number {
  const stamps = targets.flatMap(({ workload, pods }) => [workload, ...pods].map((item) => item?.templateVersion ?? 0));
  return Math.max(0, ...stamps);
}
