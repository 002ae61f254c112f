/**
 * Whether an operator leads, as its Lease tells: without one nothing that is asked for is done.
 */
import type { Lease } from '../kube/types.ts';
import type { JwtKeyRotation } from './names.ts';

/** Where the manifests of rekey put it. */
const USUAL_LEASE = 'rekey-system/rekey';
/** Default of whoever does not say, seconds. */
const USUAL_DURATION = 15;

export type Leadership =
  | { readonly kind: 'Led'; readonly holder: string }
  /** `since`: when the last hold of it ended, milliseconds since the epoch; undefined if nobody has held it. */
  | { readonly kind: 'Nobody'; readonly since?: number }
  | { readonly kind: 'Unknown'; readonly why: string };

/** @returns namespace and name of the Lease of the operator that looks after the resource */
export function leaseOf({ status }: JwtKeyRotation): { readonly namespace: string; readonly name: string } {
  const [namespace = '', name = ''] = (status?.operator?.lease ?? USUAL_LEASE).split('/');
  return { namespace, name };
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
