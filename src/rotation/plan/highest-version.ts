/**
 * The keyset versions that are known without the Secret.
 */

import type { Facts } from '../facts.ts';
import { BELIEVED_VERSION } from '../keyset/keyset.ts';
import { believedVersion } from '../keyset/ledger.ts';

/** The highest version that a pod or template carries, or the ledger knows: from a Secret that was lost, perhaps. Versions go on from there. */
export function highestVersion({ targets, ledger }: Facts): number {
  const stamps = targets.flatMap(({ workload, pods }) => [workload, ...pods].map((item) => item?.templateVersion ?? 0));
  return Math.max(believedVersion(ledger), ...stamps.filter((stamp) => stamp <= BELIEVED_VERSION));
}
