/**
 * At rest, rekey still asks pods now and then, so that people learn long before the next window what would block the
 * next rotation.
 *
 * How often does not depend on how often a pass runs. rekey asks each pod that is ready in its first quarter of an hour
 * once, and one pod of each target a day. Of the pods with a bad answer it asks one of each target a minute, and of
 * those without an answer one in growing pauses. All of it can be lost.
 */

import { defined } from '../../base/objects.ts';
import type { Finding } from '../api/finding.ts';
import type { Facts, PodFacts, PodOf, TargetFacts } from '../facts.ts';
import { currentShape, type Keyset, keyIn } from '../keyset/keyset.ts';
import { spokenFinding } from './baseline.ts';
import { RETRY_MS, survey } from './converge.ts';
import { mayCutOver } from './cutover.ts';
import { acceptsOnlySigning, isConclusive, isUnprovable, isVoid, startedAfterWrite } from './evidence.ts';
import { mayHoldForeignKey } from './policies/foreign-keys.ts';
import { holdsOneKeyAtRest, LASTING_FAILURES, unanswered } from './policies/pods.ts';
import { requirementsOf } from './requirements.ts';

const DAY_MS = 86_400_000;
/** How long a pod counts as new after its start, milliseconds. */
const NEW_MS = 900_000;
/** How late the daily question may come, milliseconds: at rest a pass runs every ten minutes. */
const LATE_MS = 3_600_000;
/** Pause before a pod with a bad answer is asked again, milliseconds. */
const AGAIN_MS = 60_000;
/** Longest pause before a silent pod is asked again, milliseconds. */
const MAX_SILENCE_MS = 900_000;

export interface Look {
  readonly pods: readonly PodOf[];
  readonly finding?: Finding;
  /** When the next pod is to be asked, milliseconds since the epoch. */
  readonly until?: number;
}

/** @returns which pods to ask now, what was found, and when to ask again */
export function lookAtRest(facts: Facts, keyset: Keyset): Look {
  const asked = requirementsOf(facts.targets, keyset)
    .map(({ target }) => target)
    .filter(({ settings }) => settings.canary !== undefined);
  const open = asked.flatMap((target) => firstDue(target, keyset));
  const due = open.filter(({ at }) => at <= facts.now).map(({ row }) => row);
  const foreign = mayHoldForeignKey(facts, keyset);
  const fresh = [
    ...asked.flatMap((target) => unasked(target, facts, keyset) ?? daily(target, facts, keyset)),
    ...(foreign?.pods ?? []).filter(
      ({ target, pod, time }) => time.version < keyset.version && mayProve({ target, pod }, keyset),
    ),
  ];
  const finding = findingAtRest(facts, keyset, foreign?.finding);
  const until = Math.min(...open.map(({ at }) => at), foreign?.until ?? Number.POSITIVE_INFINITY);
  return {
    pods: [...new Map([...due, ...fresh].map(({ target, pod }) => [pod, { target, pod }])).values()],
    ...defined({ finding }),
    ...(Number.isFinite(until) && { until }),
  };
}

/** @returns whether some pod of the target has given a meaningful answer to every canary of the newest keyset */
export function hasAnswered({ pods }: TargetFacts, keyset: Keyset): boolean {
  const { sign } = currentShape(keyset);
  return pods.some((pod) => {
    return isConclusive(pod, keyset) && !isVoid(pod) && pod.probe?.answers.get(sign) === 'accepted';
  });
}

/** Which of the pods with a bad or missing answer is asked next, and when. */
function firstDue(target: TargetFacts, keyset: Keyset): readonly { readonly row: PodOf; readonly at: number }[] {
  const rows = askable(target).flatMap((row) => {
    const at = againAt(row, keyset);
    return at === undefined ? [] : [{ row, at }];
  });
  return rows.toSorted((a, b) => a.at - b.at).slice(0, 1);
}

function againAt(row: PodOf, keyset: Keyset): number | undefined {
  const { probe } = row.pod;
  if (probe === undefined || probe.version !== keyset.version) return undefined;
  if (!isConclusive(row.pod, keyset)) {
    return probe.askedAt + Math.min(MAX_SILENCE_MS, RETRY_MS * 2 ** Math.max(0, probe.failures - 1));
  }
  return isBad(row, keyset) ? probe.askedAt + AGAIN_MS : undefined;
}

function isBad({ target, pod }: PodOf, keyset: Keyset): boolean {
  const rows = survey(requirementsOf([{ ...target, pods: [pod] }], keyset), keyset);
  return spokenFinding(rows, keyset, 'Both') !== undefined || holdsOneKey({ target, pod }, keyset);
}

/**
 * After an adoption it is not known whether the pods hold the key of the Secret: somebody may have changed it after
 * they started. Later, only new pods are asked.
 *
 * @returns undefined if there are none
 */
function unasked(target: TargetFacts, { now }: Facts, keyset: Keyset): readonly PodOf[] | undefined {
  const isNew = ({ pod }: PodOf) => keyset.rotation === undefined || now < (pod.startedAt ?? 0) + NEW_MS;
  const rows = askable(target).filter(({ pod }) => pod.probe?.version !== keyset.version);
  const found = rows.filter(isNew);
  return found.length === 0 ? undefined : found;
}

/** Its answer may show that it has read the Secret since. */
function mayProve({ target, pod }: PodOf, keyset: Keyset): boolean {
  return target.settings.canary !== undefined && isAskable(pod) && pod.probe?.version !== keyset.version;
}

/** The youngest pod of each target, once a day, at the time of day at which the last rotation ended. */
function daily(target: TargetFacts, { now }: Facts, keyset: Keyset): readonly PodOf[] {
  const { since } = keyset.attempts;
  const days = Math.floor((now - since) / DAY_MS);
  const slot = since + days * DAY_MS;
  const isAsked = target.pods.some(({ probe }) => (probe?.askedAt ?? 0) >= slot);
  if (days < 1 || now >= slot + LATE_MS || isAsked) return [];
  return askable(target)
    .toSorted((a, b) => (b.pod.startedAt ?? 0) - (a.pod.startedAt ?? 0))
    .slice(0, 1);
}

function askable(target: TargetFacts): readonly PodOf[] {
  return target.pods.filter(isAskable).map((pod) => ({ target, pod }));
}

/** At rest nothing is urgent, so pods that are not ready are not asked. */
function isAskable({ ready, terminating, unprobeable, address }: PodFacts): boolean {
  return ready && !terminating && unprobeable === undefined && address !== undefined;
}

function findingAtRest(facts: Facts, keyset: Keyset, foreign: Finding | undefined): Finding | undefined {
  const rows = survey(requirementsOf(facts.targets, keyset), keyset);
  const keys = facts.settings.strategy === 'Cutover' || mayCutOver(facts) ? 'One' : 'Both';
  const spoken = spokenFinding(rows, keyset, keys);
  if (spoken !== undefined) return spoken;
  if (foreign !== undefined) return foreign;
  const all = [...rows.met, ...rows.unknown, ...rows.refusing, ...rows.stale, ...rows.unfit].filter(
    ({ target, pod }) => {
      return target.settings.canary !== undefined && !pod.terminating;
    },
  );
  const single = keys === 'Both' ? all.find((row) => holdsOneKey(row, keyset)) : undefined;
  if (single !== undefined) return holdsOneKeyAtRest(single);
  const silent = all.find(({ pod: { ready, probe, unprobeable } }) => {
    return unprobeable !== undefined || (ready && (probe?.failures ?? 0) >= LASTING_FAILURES);
  });
  return silent && unanswered(silent);
}

/** The pod has read a keyset with the ack key, and accepts only the key in use. */
function holdsOneKey({ target, pod }: PodOf, keyset: Keyset): boolean {
  if (isUnprovable(target) || !isConclusive(pod, keyset) || !startedAfterWrite(pod, keyset)) return false;
  if (!acceptsOnlySigning(pod, keyset)) return false;
  return pod.probe?.answers.get(keyIn(keyset, 'ack')?.kid ?? '') === 'refused';
}
