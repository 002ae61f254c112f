/**
 * Whether an operator leads, as its Lease tells: without one nothing that is asked for is done.
 */
import type { KubeClient } from '../../kube/client.ts';
import { isKubeError } from '../../kube/errors.ts';
import { LEASES, type Lease } from '../../kube/types.ts';
import type { JwtKeyRotation } from '../api/names.ts';

/** Where the manifests of rekey put it. */
const USUAL_LEASE = 'rekey-system/rekey';
/** Default of whoever does not say, seconds. */
const USUAL_DURATION = 15;
/** Nobody waits long for this, milliseconds. */
const LOOK_MS = 3_000;

export type Leadership =
  | { readonly kind: 'Led'; readonly holder: string }
  /** `since`: when the last hold of it ended, milliseconds since the epoch; undefined if nobody has held it. */
  | { readonly kind: 'Nobody'; readonly since?: number }
  | { readonly kind: 'Unknown'; readonly why: string };

/** @returns namespace and name, such as `rekey-system/rekey`, of the Lease of the operator that looks after the resource */
export function leaseName({ status }: JwtKeyRotation): string {
  return status?.operator?.lease ?? USUAL_LEASE;
}

/**
 * The time of a renewal is by the clock of its holder. When the API server took it, that tells by its own clock.
 *
 * @param now by the clock of the API server, milliseconds since the epoch
 */
export function leadershipOf({ metadata, spec }: Lease, now: number): Leadership {
  const { holderIdentity = '', renewTime, leaseDurationSeconds = USUAL_DURATION } = spec ?? {};
  const taken = (metadata.managedFields ?? []).map(({ time }) => Date.parse(time ?? '')).filter(Number.isFinite);
  const renewedAt = taken.length === 0 ? Date.parse(renewTime ?? '') : Math.max(...taken);
  if (holderIdentity === '') return { kind: 'Nobody', ...(Number.isFinite(renewedAt) && { since: renewedAt }) };
  if (!Number.isFinite(renewedAt)) return { kind: 'Unknown', why: 'the Lease does not say when it was renewed' };
  const until = renewedAt + leaseDurationSeconds * 1000;
  return now < until ? { kind: 'Led', holder: holderIdentity } : { kind: 'Nobody', since: until };
}

/**
 * Reads the Lease.
 *
 * @param now by the clock of the API server, milliseconds since the epoch; asked once the Lease has been read
 * @returns Unknown where it cannot be read
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
    // an operator that was installed elsewhere, and has not looked yet, has another
    return operator === undefined ? { kind: 'Unknown', why: `there is no Lease ${lease}` } : { kind: 'Nobody' };
  }
}
