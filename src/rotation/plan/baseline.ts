/**
 * What is wrong with the answers of pods at rest: canaries that prove nothing, or a service that a rotation could not
 * reach.
 */
import type { Finding } from '../api/finding.ts';
import type { PodFacts } from '../facts.ts';
import { currentShape, type Keyset, type Kid } from '../keyset/keyset.ts';
import type { Survey } from './converge.ts';
import { isConclusive } from './evidence.ts';
import { acceptsMadeUpKey, refusesFallbacks, refusesKeyInUse, unanswered } from './policies/pods.ts';

/**
 * Every verifier must accept the key in use and the ack key, and refuse a made-up one. Otherwise its canaries prove
 * nothing.
 *
 * @param keys how many each pod must be able to hold
 */
export function baselineFinding(rows: Survey, keyset: Keyset, keys: 'One' | 'Both'): Finding | undefined {
  const spoken = spokenFinding(rows, keyset, keys);
  if (spoken !== undefined) return spoken;
  const silent = [...rows.met, ...rows.unknown].find(
    ({ target, pod }) => target.settings.canary !== undefined && !pod.terminating && !isConclusive(pod, keyset),
  );
  if (silent === undefined) return undefined;
  return unanswered(silent);
}

/** Judges only pods that have answered: silence is not an answer. */
export function spokenFinding(rows: Survey, keyset: Keyset, keys: 'One' | 'Both'): Finding | undefined {
  const { sign } = currentShape(keyset);
  const liar = rows.void[0]?.pod;
  if (liar !== undefined) return acceptsMadeUpKey(liar, 'its canary path does not verify tokens');
  // if nobody has acknowledged the keyset (it may be an adopted one), the rotation itself finds out what pods hold
  const acked = keys === 'Both' && keyset.acked.Verifier === keyset.version;
  const refusing = [...rows.refusing, ...rows.stale, ...rows.unfit, ...rows.leaving]
    .map(({ pod }) => pod)
    .find((pod) => !pod.terminating && isHeard(pod, sign) && (acked || pod.probe?.answers.get(sign) === 'refused'));
  if (refusing === undefined) return undefined;
  const accepts = refusing.probe?.answers.get(sign) === 'accepted';
  return accepts ? refusesFallbacks(refusing, sign) : refusesKeyInUse(refusing, sign);
}

/** An unknown answer about the key in use is neither a yes nor a no. */
function isHeard({ probe }: PodFacts, sign: Kid): boolean {
  return (probe?.answers.get(sign) ?? 'unknown') !== 'unknown';
}
