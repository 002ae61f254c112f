/**
 * Nothing is under way and no rotation is wanted: pods are asked now and then all the same, so that what would hold up the next
 * rotation is known long before its window opens.
 *
 * How often does not depend on how often a pass runs: a pod once if it is ready in its first quarter of an hour, one pod of each
 * target a day, of those whose answer is bad one of each target a minute, of those whose answer is missing one in growing pauses.
 * All of it can be forgotten.
 */

import { defined } from '../../base/objects.ts';
import type { Finding } from '../api/finding.ts';
import type { Facts, PodOf, TargetFacts } from '../facts.ts';
import { currentShape, type Keyset, keyIn } from '../keyset/keyset.ts';
import { spokenFinding } from './baseline.ts';
import { RETRY_MS, survey } from './converge.ts';
import { mayCutOver } from './cutover.ts';
import { acceptsOnlySigning, isConclusive, isUntold, isVoid, startedAfterWrite } from './evidence.ts';
import { holdsOneKeyAtRest, LASTING_FAILURES, unanswered } from './policies/pods.ts';
import { requirementsOf } from './requirements.ts';

const DAY_MS = 86_400_000;
/** A pod counts as new for so long after its start, milliseconds. */
const NEW_MS = 900_000;
/** The daily look may come late by this, milliseconds: at rest a pass runs each ten minutes. */
const LATE_MS = 3_600_000;
/** Whoever gave a bad answer is asked again after this, milliseconds. */
const AGAIN_MS = 60_000;
/** Who gives no answer is asked again after this at the latest, milliseconds. */
const MAX_SILENCE_MS = 900_000;

export interface Look {
  readonly pods: readonly PodOf[];
  readonly finding?: Finding;
  /** When somebody is to be asked again, milliseconds since the epoch. */
  readonly until?: number;
}

/** @returns who is to be asked now, what was found, and when somebody is to be asked again */
export function lookAtRest(facts: Facts, keyset: Keyset): Look {
  const asked = requirementsOf(facts.targets, keyset)
    .map(({ target }) => target)
    .filter(({ settings }) => settings.canary !== undefined);
  const open = asked.flatMap((target) => firstDue(target, keyset));
  const due = open.filter(({ at }) => at <= facts.now).map(({ row }) => row);
  const fresh = asked.flatMap((target) => unasked(target, facts, keyset) ?? daily(target, facts, keyset));
  const finding = findingAtRest(facts, keyset);
  const until = Math.min(...open.map(({ at }) => at));
  return {
    pods: [...due, ...fresh.filter((row) => !due.includes(row))],
    ...defined({ finding }),
    ...(open.length > 0 && { until }),
  };
}

/** @returns whether some pod of the target has answered every canary of the newest keyset, in a way that means something */
export function hasAnswered({ pods }: TargetFacts, keyset: Keyset): boolean {
  const { sign } = currentShape(keyset);
  return pods.some((pod) => {
    return isConclusive(pod, keyset) && !isVoid(pod) && pod.probe?.answers.get(sign) === 'accepted';
  });
}

/** The pod of a target whose answer is bad or missing that is next to be asked again, and when. */
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
 * Of a Secret that was taken over it is not known whether the pods hold its key: somebody may have changed it after they had
 * started. Later on new pods are asked.
 *
 * @returns undefined if there are none
 */
function unasked(target: TargetFacts, { now }: Facts, keyset: Keyset): readonly PodOf[] | undefined {
  const isNew = ({ pod }: PodOf) => keyset.rotation === undefined || now < (pod.startedAt ?? 0) + NEW_MS;
  const rows = askable(target).filter(({ pod }) => pod.probe?.version !== keyset.version);
  const found = rows.filter(isNew);
  return found.length === 0 ? undefined : found;
}

/** One pod of each target, each day at the time at which the last rotation ended: the one that started last. */
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

/** At rest nobody waits: who is not ready has troubles of its own. */
function askable(target: TargetFacts): readonly PodOf[] {
  return target.pods
    .filter(({ ready, terminating, unprobeable, address }) => {
      return ready && !terminating && unprobeable === undefined && address !== undefined;
    })
    .map((pod) => ({ target, pod }));
}

function findingAtRest(facts: Facts, keyset: Keyset): Finding | undefined {
  const rows = survey(requirementsOf(facts.targets, keyset), keyset);
  const keys = facts.settings.strategy === 'Cutover' || mayCutOver(facts) ? 'One' : 'Both';
  const spoken = spokenFinding(rows, keyset, keys);
  if (spoken !== undefined) return spoken;
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

/** It has read a keyset with the ack key, and accepts nothing but the key in use. */
function holdsOneKey({ target, pod }: PodOf, keyset: Keyset): boolean {
  if (isUntold(target) || !isConclusive(pod, keyset) || !startedAfterWrite(pod, keyset)) return false;
  if (!acceptsOnlySigning(pod, keyset)) return false;
  return pod.probe?.answers.get(keyIn(keyset, 'ack')?.kid ?? '') === 'refused';
}
