/**
 * What is wrong with the answers of pods while nothing is under way: canaries that mean nothing, or a service that no rotation
 * would reach.
 */
import type { Finding } from '../api/finding.ts';
import type { PodFacts, PodOf } from '../facts.ts';
import { currentShape, type Keyset, type Kid } from '../keyset/keyset.ts';
import type { Survey } from './converge.ts';
import { isConclusive } from './evidence.ts';

/** With the pauses between them, a minute: a pod that starts slowly has begun to answer by then. */
export const LASTING_FAILURES = 8;

/**
 * Every verifier must accept the key in use and its ack key and refuse a made-up one, else its canaries would mean nothing.
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

/** @returns that the pod gives no answer, lasting after a minute */
export function unanswered({ target, pod: { name, unprobeable, probe } }: PodOf): Finding {
  const reason = 'CanaryUnanswered';
  if (unprobeable !== undefined) return { reason, message: unprobeable, lasting: true };
  const { path, port } = target.settings.canary ?? {};
  const why = probe?.why === undefined ? '' : `: ${probe.why}`;
  const message = `pod ${name} has not answered its canary yet${why}`;
  if ((probe?.failures ?? 0) < LASTING_FAILURES) return { reason, message };
  const said = `${message}. Asked again and again at ${path} on port ${port}, it says neither that a token is good (2xx) nor that it is not (401): what each answer means is in the runbook, CanaryUnanswered`;
  return { reason, message: said, lasting: true };
}

/** What a pod has answered; to be silent is no answer. */
export function spokenFinding(rows: Survey, keyset: Keyset, keys: 'One' | 'Both'): Finding | undefined {
  const { sign } = currentShape(keyset);
  if (rows.void[0] !== undefined) {
    const message = `pod ${rows.void[0].pod.name} accepted a token signed with a made-up key: its canary path does not verify tokens`;
    return { reason: 'CanaryVoid', message };
  }
  // what pods hold of a keyset that nobody has acknowledged, an adopted one perhaps, the rotation itself will see to
  const acked = keys === 'Both' && keyset.acked.Verifier === keyset.version;
  const refusing = [...rows.refusing, ...rows.stale, ...rows.unfit, ...rows.leaving]
    .map(({ pod }) => pod)
    .find((pod) => !pod.terminating && isHeard(pod, sign) && (acked || pod.probe?.answers.get(sign) === 'refused'));
  if (refusing?.probe?.answers.get(sign) === 'accepted') {
    const message = `pod ${refusing.name} accepts tokens signed with the key in use (${sign}) but not with a key listed in the fallbacks: it verifies with one key only, or was started with another Secret`;
    return { reason: 'SingleKeyService', message };
  }
  if (refusing !== undefined) {
    const message = `pod ${refusing.name} refused a token signed with the key in use (${sign}): check spec.canary, where the pod gets its key from, and whether the Secret was changed after the pod had started`;
    return { reason: 'CanaryRefused', message };
  }
  return undefined;
}

/** What is not known of the key in use is neither a yes nor a no. */
function isHeard({ probe }: PodFacts, sign: Kid): boolean {
  return (probe?.answers.get(sign) ?? 'unknown') !== 'unknown';
}
