/** Pods that started while somebody else's key stood in the Secret. */
import type { Finding } from '../../api/finding.ts';
import type { Facts, PodFacts, PodOf } from '../../facts.ts';
import type { ForeignKeys } from '../../keyset/foreign-keys.ts';
import { currentShape, type Keyset } from '../../keyset/keyset.ts';
import { iso } from '../../schedule/duration.ts';
import { readByAllFrom, surelyStartedBefore } from '../../workloads/starts.ts';
import { hasLoadedNewest } from '../evidence.ts';
import { label } from './targets.ts';

const MOST_NAMES = 5;

/**
 * A container keeps what it has read from its environment until it starts again; mounted files follow the Secret. What a
 * pod has read is concluded from its start, within the skew of its node's clock. Who has proved to have loaded a keyset that
 * was written afterwards has read the Secret without the key.
 *
 * @returns which pods may still accept such a key; undefined if there are none, or if the key was adopted since. `until`:
 *   before that time a restart may give them the same Secret once more
 */
export function mayHoldForeignKey(
  facts: Facts,
  keyset: Keyset,
): { readonly finding: Finding; readonly until?: number } | undefined {
  const known = new Set(keyset.keys.map(({ fingerprint }) => fingerprint));
  // an end in the future was not observed
  const latest = facts.now + facts.settings.clockSkewMs;
  const strange = facts.ledger.foreign.filter(({ fingerprints, until = 0 }) => {
    return until <= latest && fingerprints.some((each) => !known.has(each));
  });
  const { settleMs, settings } = facts;
  const rows = facts.targets.flatMap((target): readonly PodOf[] => {
    return target.settings.source === 'Env' ? target.pods.map((pod) => ({ target, pod })) : [];
  });
  for (const entry of strange.toReversed()) {
    // the ledger is told of the end after this decision
    const ended = { ...entry, until: entry.until ?? facts.now };
    const hasProved = (pod: PodFacts) => currentShape(keyset).writtenAt >= ended.until && hasLoadedNewest(pod, keyset);
    const found = rows.filter(({ pod }) => {
      return mayHaveRead(pod, ended, settings.clockSkewMs) && !hasProved(pod);
    });
    if (found.length === 0) continue;
    const spread = readByAllFrom(ended.until, { settleMs, clockSkewMs: settings.clockSkewMs });
    const wait = facts.now < spread ? { until: spread } : {};
    return { finding: { reason: 'ForeignWriter', message: messageOf(found, ended, facts, wait) }, ...wait };
  }
  return undefined;
}

type Ended = Required<ForeignKeys>;

function mayHaveRead(pod: PodFacts, { since, until }: Ended, clockSkewMs: number): boolean {
  const { createdAt, startedAt, readUpTo } = pod;
  if (startedAt === undefined || surelyStartedBefore({ createdAt, startedAt }, since, clockSkewMs)) return false;
  return readUpTo === undefined || readUpTo < until;
}

function messageOf(
  rows: readonly PodOf[],
  { dataKey, since, until }: Ended,
  { settings }: Facts,
  wait: { readonly until?: number },
): string {
  const names = rows.slice(0, MOST_NAMES).map(({ pod }) => pod.name);
  const more = rows.length > MOST_NAMES ? ` and ${rows.length - MOST_NAMES} more` : '';
  const workloads = [...new Set(rows.map(({ target }) => label(target)))];
  const when = wait.until === undefined ? '' : ` after ${iso(wait.until)}`;
  return `Secret ${settings.secretName}: data key ${dataKey} held a key that rekey had not put there, from ${iso(since)} to ${iso(until)}. By the time of their start these pods may accept it until they start again: ${names.join(', ')}${more}. Restart them${when}: ${wayOut(workloads)}`;
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
