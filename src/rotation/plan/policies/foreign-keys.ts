/** Pods that started while somebody else's key stood in the Secret. */
import type { Finding } from '../../api/finding.ts';
import type { Facts, PodFacts, PodOf } from '../../facts.ts';
import type { EndedTime } from '../../keyset/foreign-times.ts';
import type { Keyset } from '../../keyset/keyset.ts';
import { iso } from '../../schedule/duration.ts';
import { readByAllFrom } from '../../workloads/starts.ts';
import { hasLoadedNewest } from '../evidence.ts';
import { label } from './targets.ts';

const MOST_NAMES = 5;

/**
 * A container keeps what it has read from its environment until it starts again. What a pod has read is concluded from its
 * start, within the skew of its node's clock. Who has proved to have loaded a keyset that was written afterwards has read the
 * Secret without the key.
 *
 * @returns which pods may still accept such a key; undefined if there are none, or if the key was adopted since. `until`:
 *   before that time a restart may give them the same Secret once more
 */
export function mayHoldForeignKey(facts: Facts, keyset: Keyset): Doubt | undefined {
  const rows = facts.targets.flatMap((target) => {
    return target.pods.flatMap((pod) => {
      const time = pod.foreign?.find((each) => isStrange(each, keyset) && mayHaveLoaded(pod, each, keyset));
      return time === undefined ? [] : [{ target, pod, time }];
    });
  });
  const latest = rows.toSorted((a, b) => b.time.until - a.time.until)[0]?.time;
  if (latest === undefined) return undefined;
  const found = rows.filter(({ time }) => time.since === latest.since);
  const { settleMs, settings } = facts;
  const spread = readByAllFrom(latest.until, { settleMs, clockSkewMs: settings.clockSkewMs });
  const wait = facts.now < spread ? { until: spread } : {};
  return { finding: { reason: 'ForeignWriter', message: messageOf(found, latest, facts, wait) }, ...wait, pods: found };
}

interface Doubt {
  readonly finding: Finding;
  readonly until?: number;
  /** The pods, each with the time in which it may have read the key. */
  readonly pods: readonly (PodOf & { readonly time: EndedTime })[];
}

function isStrange({ fingerprints }: EndedTime, { keys }: Keyset): boolean {
  return fingerprints.some((each) => keys.every(({ fingerprint }) => fingerprint !== each));
}

function mayHaveLoaded(pod: PodFacts, time: EndedTime, keyset: Keyset): boolean {
  return keyset.version <= time.version || !hasLoadedNewest(pod, keyset);
}

function messageOf(
  rows: readonly PodOf[],
  { dataKeys, since, until }: EndedTime,
  { settings }: Facts,
  wait: { readonly until?: number },
): string {
  const names = rows.slice(0, MOST_NAMES).map(({ pod }) => pod.name);
  const more = rows.length > MOST_NAMES ? ` and ${rows.length - MOST_NAMES} more` : '';
  const workloads = [...new Set(rows.map(({ target }) => label(target)))];
  const when = wait.until === undefined ? '' : ` after ${iso(wait.until)}`;
  const where = dataKeys.length === 0 ? 'it' : `data key ${dataKeys.join(', ')}`;
  return `Secret ${settings.secretName}: at some time between ${iso(since)} and ${iso(until)}, ${where} held a key that rekey had not put there. By the time of their start these pods may accept it until they start again: ${names.join(', ')}${more}. Restart them${when}: ${wayOut(workloads)}`;
}

/** Jobs and Rollouts are not restarted by kubectl. */
function wayOut(workloads: readonly string[]): string {
  const isRestarted = (workload: string) => /^(Deployment|StatefulSet|DaemonSet)\//.test(workload);
  const restart = workloads.filter(isRestarted).join(' ').toLowerCase();
  const others = workloads.filter((workload) => !isRestarted(workload)).join(', ');
  return [
    ...(restart === '' ? [] : [`kubectl rollout restart ${restart} -n NAMESPACE`]),
    ...(others === '' ? [] : [`delete those of ${others}, or wait until they end`]),
  ].join('; ');
}
