/** Finds out from the Lease whether an operator leads. Without one, no request is served. */
import type { KubeClient } from '../../kube/client.ts';
import { isKubeError } from '../../kube/errors.ts';
import { LEASES, type Lease } from '../../kube/types.ts';
import { MOST_LEASE_SECONDS } from '../../runtime/lease-lock.ts';
import type { JwtKeyRotation } from '../api/names.ts';

/** The Lease of rekey's manifests. */
const USUAL_LEASE = 'rekey-system/rekey';
/** Lease duration if the Lease has none, seconds. */
const USUAL_DURATION = 15;
/** Time limit of reading the Lease, milliseconds. */
const LOOK_MS = 3_000;

export type Leadership =
  | { readonly kind: 'Led'; readonly holder: string }
  /** `since`: when the last hold ended, milliseconds since the epoch; undefined if nobody has held it. */
  | { readonly kind: 'Nobody'; readonly since?: number }
  | { readonly kind: 'Unknown'; readonly why: string };

/** @returns namespace and name, such as `rekey-system/rekey`, of the Lease of the resource's operator */
export function leaseName({ status }: JwtKeyRotation): string {
  return status?.operator?.lease ?? USUAL_LEASE;
}

/**
 * The renewal time is by the clock of the holder. The API server also records, by its own clock, when it received the
 * renewal.
 *
 * @param now by the clock of the API server, milliseconds since the epoch
 */
export function leadershipOf({ metadata, spec }: Lease, now: number): Leadership {
  const { holderIdentity = '', renewTime, leaseDurationSeconds = USUAL_DURATION } = spec ?? {};
  const taken = (metadata.managedFields ?? []).map(({ time }) => Date.parse(time ?? '')).filter(Number.isFinite);
  const renewedAt = taken.length === 0 ? Date.parse(renewTime ?? '') : Math.max(...taken);
  if (holderIdentity === '') return { kind: 'Nobody', ...(Number.isFinite(renewedAt) && { since: renewedAt }) };
  if (!Number.isFinite(renewedAt)) return { kind: 'Unknown', why: 'the Lease does not say when it was renewed' };
  const until = renewedAt + Math.min(leaseDurationSeconds, MOST_LEASE_SECONDS) * 1000;
  return now < until ? { kind: 'Led', holder: holderIdentity } : { kind: 'Nobody', since: until };
}

/**
 * Reads the Lease.
 *
 * @param now called after the Lease was read; by the clock of the API server, milliseconds since the epoch
 * @returns Unknown if it cannot be read
 */
export async function readLeadership(
  client: Pick<KubeClient, 'get'>,
  resource: JwtKeyRotation,
  now: () => number,
): Promise<Leadership> {
  const { operator } = resource.status ?? {};
  if (operator !== undefined && operator.lease === undefined) {
    return { kind: 'Unknown', why: 'it runs without leader election' };
  }
  const lease = leaseName(resource);
  const [namespace = '', name = ''] = lease.split('/');
  try {
    return leadershipOf(await client.get(LEASES, { namespace, name }, { timeoutMs: LOOK_MS }), now());
  } catch (error) {
    if (!isKubeError(error)) throw error;
    if (error.code !== 'NotFound') return { kind: 'Unknown', why: error.message };
    // an operator that was installed elsewhere, and has not reconciled yet, may use another Lease
    return operator === undefined ? { kind: 'Unknown', why: `there is no Lease ${lease}` } : { kind: 'Nobody' };
  }
}
