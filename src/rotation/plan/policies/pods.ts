/** All findings about a pod, in words. Nothing else in the planner phrases one. */
import type { Finding } from '../../api/finding.ts';
import type { Facts, PodFacts, PodOf, TargetFacts } from '../../facts.ts';
import { currentShape, type Keyset, type Kid } from '../../keyset/keyset.ts';
import { formatDuration, iso } from '../../schedule/duration.ts';
import { nextChanceAt } from '../converge.ts';
import { acceptedDead, acceptsOnlySigning, hasLoadedNewest, shapesHeld } from '../evidence.ts';
import { WHY_ALL_REFUSED } from './pair.ts';
import { label } from './targets.ts';

/** With the pauses between them this is a minute: a slow pod answers by then. */
export const LASTING_FAILURES = 8;

/** @param so what follows, for people; nothing more is said without it */
export function acceptsMadeUpKey({ name }: PodFacts, so?: string): Finding {
  const message = `pod ${name} accepted a token signed with a made-up key${so === undefined ? '' : `: ${so}`}`;
  return { reason: 'CanaryVoid', message };
}

/** @param known the key that every pod should accept, such as `the one in use`
 * @param so what follows, for people; nothing more is said without it
 */
export function refusesEveryKey({ name, probe }: PodFacts, known: string, so?: string): Finding {
  const then = so === undefined ? '' : `; ${so}`;
  const pair = probe?.random === 'refused' ? ' and a made-up one' : '';
  const message = `pod ${name} refuses canaries signed with any key, including ${known}${pair}: ${WHY_ALL_REFUSED}, and compare the clocks${then}`;
  return { reason: 'CanaryRefused', message };
}

/** @returns that a pod refuses the key that signs now */
export function refusesKeyInUse({ name, probe }: PodFacts, sign: Kid): Finding {
  const answers = [...(probe?.answers.values() ?? []), probe?.random];
  if (answers.every((answer) => answer === 'refused')) {
    const all = `pod ${name} refused canaries signed with any key, with the key in use (${sign}) as well as with a made-up one: ${WHY_ALL_REFUSED}, and whether the Secret was changed after the pod had started. kubectl rekey check NAME --canary shows the answers`;
    return { reason: 'CanaryRefused', message: all };
  }
  const message = `pod ${name} refused a token signed with the key in use (${sign}): check spec.canary, where the pod gets its key from, and whether the Secret was changed after the pod had started`;
  return { reason: 'CanaryRefused', message };
}

/** @returns that a pod accepts the key in use and refuses one that is listed beside it */
export function refusesFallbacks({ name }: PodFacts, sign: Kid): Finding {
  const message = `pod ${name} accepts tokens signed with the key in use (${sign}) but not with a key listed in the fallbacks: it verifies with one key only, or was started with another Secret`;
  return { reason: 'SingleKeyService', message };
}

/** @returns that a pod which has surely read the fallbacks accepts none of them, found at rest before a rotation meets it */
export function holdsOneKeyAtRest({ target, pod }: PodOf): Finding {
  const message = `pod ${pod.name} started after rekey had written the Secret and accepts only the key in use: ${label(target)} verifies with one key only, or the pod has read an older Secret. A rotation would abort. If a new pod does the same, make the service accept the keys in the fallbacks too, or allow a cutover (spec.allowCutover)`;
  return { reason: 'SingleKeyService', message };
}

/** @returns that no pod of a target accepts a staged key, not even one that started `settleMs` or more after the write */
export function refusesNewKey({ settings: { name }, pods }: TargetFacts, settleMs: number): Finding {
  const names = pods.map((pod) => pod.name).join(', ');
  const lag = `its nodes hand out an old Secret for longer than --settle-delay (${formatDuration(settleMs)})`;
  const message = `${name} (${names}) does not accept tokens signed with a key listed in the fallbacks: it verifies with one key only, or ${lag}. Make it verify with every key before you rotate its key`;
  return { reason: 'SingleKeyService', message };
}

/** @returns that the pod gives no answer, lasting after a minute */
export function unanswered({ target, pod: { name, unprobeable, probe } }: PodOf): Finding {
  const reason = 'CanaryUnanswered';
  if (unprobeable !== undefined) return { reason, message: unprobeable, lasting: true };
  const { path, port } = target.settings.canary ?? {};
  const why = probe?.why === undefined ? '' : `: ${probe.why}`;
  const message = `pod ${name} has not answered its canary yet${why}`;
  if ((probe?.failures ?? 0) < LASTING_FAILURES) return { reason, message };
  const said = `${message}. Asked again and again at ${path} on port ${port}, it answers neither as for an accepted nor as for a refused token (2xx and 401, unless the canary says otherwise): for what each answer means, see CanaryUnanswered in the runbook`;
  return { reason, message: said, lasting: true };
}

/**
 * A pod that has read the newest Secret, or should have by the time of its start, and does not follow it. Its successor
 * would most likely do the same, so rekey does not replace it at once: a person must look at the service.
 *
 * @returns what is wrong with the service, and what to do
 */
export function doesNotFollow({ target, pod }: PodOf, facts: Facts, keyset: Keyset): Finding {
  const who = `${label(target)}: pod ${pod.name}`;
  const dead = acceptedDead(pod, keyset);
  if (dead !== undefined && hasLoadedNewest(pod, keyset)) {
    const message = `${who} accepts key ${dead}, which has left the Secret, although it has loaded the newest one. It has the key from a second source: a file, a ConfigMap, another Secret, a default in its code. Remove that and roll out the change; rekey does not replace a pod for it again`;
    return { reason: 'KeyStillAccepted', message };
  }
  // answers that fit an older keyset may come from one
  if (acceptsOnlySigning(pod, keyset) && shapesHeld(target, pod, keyset).length === 0) {
    const message = `${who} accepts the key in use (${currentShape(keyset).sign}) and no key of the fallbacks: it verifies with one key only. Roll out a version that verifies with every key, or request an abort (rekey.dev/abort-requested-at); rekey does not replace a pod for it again`;
    return { reason: 'SingleKeyService', message };
  }
  const still = dead === undefined ? '' : `, accepting key ${dead}`;
  const settle = `--settle-delay ${formatDuration(facts.settleMs)}`;
  const message = `${who} started late enough to have the newest Secret (${settle}), but does not hold all keys of it${still}: it takes its key from elsewhere, verifies with one key only, or its node lags behind. Compare its environment with the Secret; if the node is the cause, delete the pod${again({ target, pod }, facts, keyset)}`;
  return { reason: 'PodStale', message };
}

function again(row: PodOf, facts: Facts, keyset: Keyset): string {
  const at = nextChanceAt(row, facts, keyset);
  return at === undefined ? '; rekey does not replace it again' : `. rekey replaces it once more at ${iso(at)}`;
}

/**
 * rekey never ends a run of a CronJob or Job.
 *
 * @param rows that hold an older keyset, or may
 * @returns the first of them that is such a run
 */
export function stillRunning(rows: readonly PodOf[], what: string): Finding | undefined {
  const row = rows.find(({ target }) => target.workload?.leftAlone === true);
  if (row === undefined) return undefined;
  const message = `pod ${row.pod.name} of ${label(row.target)} may hold an older key, and rekey does not end it: ${what}. Wait, or delete it: kubectl delete pod ${row.pod.name} -n NAMESPACE`;
  return { reason: 'JobRunning', message };
}
