/**
 * One rolling restart up to its acknowledgement: which pods hold what they must hold, and what to do about the others.
 */

import type { Facts, PodFacts, PodOf, Probe, TargetFacts } from '../facts.ts';
import { currentShape, type Keyset, type Shape } from '../keyset/keyset.ts';
import type { Action } from './decision.ts';
import {
  hasLoadedNewest,
  isAnswered,
  isConclusive,
  isVoid,
  mayHoldKeyset,
  shapesHeld,
  shapesOfAsked,
  startedAfterWrite,
} from './evidence.ts';
import { isReplacedForDoubt, reachedAllAt, restartAtOf, restartableAt } from './settling.ts';

/** A pod that does not answer is asked again after this, milliseconds; each time in a row after twice as long. */
export const RETRY_MS = 500;
const MAX_RETRY_MS = 16_000;
/** A pod whose mounted files are behind is asked again after this, milliseconds. */
const FILE_RETRY_MS = 1_000;
/** A pod that is not ready is given this long to begin to listen before it is asked, milliseconds. */
const LISTEN_MS = 2_000;
/** An answer is good for a write for this long, milliseconds. */
export const FRESH_MS = 60_000;

/** What the live pods of a target must hold before the rotation may go on. */
export interface Requirement {
  readonly target: TargetFacts;
  readonly holds: (shape: Shape) => boolean;
  /** Whether the target is restarted to get there. */
  readonly restart: boolean;
}

/** The pods of all requirements, sorted by what is known of them. */
export interface Survey {
  /** Hold what they must. */
  readonly met: readonly PodOf[];
  /** Proved not to, and nobody replaces them: they may have read a stale Secret, or wait to be evicted. */
  readonly stale: readonly PodOf[];
  /** Proved not to, although they have read the newest Secret. A replacement seldom helps: see {@link mayBeReplaced}. */
  readonly unfit: readonly PodOf[];
  /** Proved not to, and about to be replaced by the restart under way, or already leaving. */
  readonly leaving: readonly PodOf[];
  /** Not known yet. */
  readonly unknown: readonly PodOf[];
  /** Refuse every key, also the one that every keyset accepts: that speaks of the canary, not of the pod. */
  readonly refusing: readonly PodOf[];
  /** Accept a key that nobody knows. */
  readonly void: readonly PodOf[];
}

/** @returns the pods that are waited for, or are in the way: those first that may follow by themselves */
export function unmet({ unknown, leaving, refusing, stale, unfit, void: void_ }: Survey): readonly PodOf[] {
  return [...unknown, ...leaving, ...refusing, ...stale, ...unfit, ...void_];
}

/** @returns the pods that are waited for, for people, with what is known of each; five at most, empty if there is none */
export function waitedText(rows: Survey): string {
  const pods = unmet(rows).map(({ pod: { name, unprobeable, probe, startedAt } }) => {
    const why = startedAt === undefined ? 'no container with the key runs' : probe?.why;
    return unprobeable ?? (why === undefined ? name : `${name} (${why})`);
  });
  return pods.length === 0 ? '' : `; waiting for ${pods.slice(0, 5).join(', ')}`;
}

/** @returns each pod of the requirements in one of the rows */
export function survey(requirements: readonly Requirement[], keyset: Keyset): Survey {
  const rows: Record<keyof Survey, PodOf[]> = {
    ...{ met: [], stale: [], unfit: [], leaving: [], unknown: [], refusing: [], void: [] },
  };
  for (const { target, holds } of requirements) {
    for (const pod of target.pods) rows[judge(target, pod, holds, keyset)].push({ target, pod });
  }
  return rows;
}

function judge(target: TargetFacts, pod: PodFacts, holds: (shape: Shape) => boolean, keyset: Keyset): keyof Survey {
  if (isVoid(pod)) return 'void';
  const shapes = shapesHeld(target, pod, keyset);
  if (shapes.length > 0 && shapes.every(holds)) return isAnswered(target, pod, keyset) ? 'met' : 'unknown';
  const asked = shapesOfAsked(target, pod, keyset);
  if (shapes.some(holds) && asked.some(holds)) {
    // nothing shows what its other containers have read, and nobody restarts them
    const follows = target.workload?.manual !== true || target.settings.source === 'File';
    const isStuck = pod.several === true && !follows && isConclusive(pod, keyset);
    return isStuck && asked.every(holds) ? 'stale' : 'unknown';
  }
  if (shapes.length === 0 && !acceptsAny(pod)) return 'refusing';
  // its files follow the Secret; whoever waits for them evicts nobody
  if (target.settings.source === 'File') return hasLoadedNewest(pod, keyset) ? 'unfit' : 'leaving';
  if (isLeaving(target, pod)) return 'leaving';
  return hasLoadedNewest(pod, keyset) || startedAfterWrite(pod, keyset) ? 'unfit' : 'stale';
}

/** A pod of an older template is about to be replaced, if its controller does that at all. */
export function isLeaving({ workload }: TargetFacts, pod: PodFacts): boolean {
  const stays = workload?.manual === true || pod.templateVersion === workload?.templateVersion;
  return !stays || pod.terminating;
}

/** A pod that fits no keyset of the history but accepts some key verifies with another one, an older one perhaps. */
export function acceptsAny({ probe }: PodFacts): boolean {
  return probe !== undefined && [...probe.answers.values()].includes('accepted');
}

/** Targets whose template must be stamped so that their pods restart. A target that holds the keyset already is spared. */
export function toBump(requirements: readonly Requirement[], keyset: Keyset, facts: Facts): readonly TargetFacts[] {
  return requirements
    .filter(({ target, restart }) => restart && isStampable(target, keyset))
    .filter(({ target, holds }) => survey([{ target, holds, restart: true }], keyset).met.length < target.pods.length)
    .map(({ target }) => target)
    .filter((target) => facts.now >= restartableAt(target, facts, keyset));
}

/** @returns whether a stamp on the template restarts the pods and is not there yet */
export function isStampable({ workload }: TargetFacts, keyset: Keyset): boolean {
  return workload?.manual === false && workload.templateVersion !== keyset.version;
}

/** @returns whether rekey restarts nothing of the target and takes no pod of it away: they end by themselves */
export function isLeftAlone({ workload }: TargetFacts): boolean {
  return workload?.leftAlone === true;
}

/** @returns the action that restarts these targets for the newest keyset */
export function bump(targets: readonly TargetFacts[], keyset: Keyset, { settleMs }: Pick<Facts, 'settleMs'>): Action {
  const restarts = targets.map((target) => ({ target, at: restartAtOf(target, keyset, settleMs) }));
  return { type: 'bump', restarts, version: keyset.version };
}

/** Pods whose mounted files the kubelet is asked to look at now: else it takes its time, two minutes perhaps. */
export function toRefresh(requirements: readonly Requirement[], keyset: Keyset): readonly PodOf[] {
  return requirements
    .filter(({ target }) => target.settings.source === 'File' && !isLeftAlone(target))
    .flatMap(({ target }) => target.pods.map((pod) => ({ target, pod })))
    .filter(({ pod }) => !pod.terminating && pod.templateVersion !== keyset.version);
}

/** Pods that should be sent canaries now. Answers older than `maxAgeMs` count as none. */
export function toProbe(
  requirements: readonly Requirement[],
  keyset: Keyset,
  now: number,
  maxAgeMs: number,
): readonly PodOf[] {
  return requirements
    .filter(({ target }) => target.settings.canary !== undefined)
    .flatMap(({ target }) => target.pods.map((pod) => ({ target, pod })))
    .filter(({ target, pod }) => isAskable(pod, now) && needsAnswer(target, pod, keyset, now, maxAgeMs));
}

function isAskable(pod: PodFacts, now: number): boolean {
  if (pod.terminating || pod.unprobeable !== undefined) return false;
  if (pod.address === undefined || pod.startedAt === undefined) return false;
  return pod.ready || now >= pod.startedAt + LISTEN_MS;
}

function needsAnswer(target: TargetFacts, pod: PodFacts, keyset: Keyset, now: number, maxAgeMs: number): boolean {
  const { probe } = pod;
  if (probe === undefined || probe.version !== keyset.version) return true;
  if (!isConclusive(pod, keyset)) return (pod.ready && !probe.ready) || now >= retryAt(probe);
  // what it holds may change at any moment
  const waits =
    target.settings.source === 'File' && shapesOfAsked(target, pod, keyset).at(-1)?.version !== keyset.version;
  if (waits) return now >= probe.askedAt + FILE_RETRY_MS;
  return now >= probe.at + maxAgeMs;
}

/** Growing pauses: a pod that does not answer is not asked as often as a pass runs. */
function retryAt({ askedAt, failures }: Probe): number {
  return askedAt + Math.min(MAX_RETRY_MS, RETRY_MS * 2 ** Math.max(0, failures - 1));
}

/** Stale pods to replace now: one of a target at a time, and only while the target's other pods can serve. */
export function toEvict(behind: readonly PodOf[], facts: Facts, keyset: Keyset): readonly PodOf[] {
  const dispensable = behind
    .filter(({ target }) => !isLeftAlone(target))
    .filter((row) => mayBeReplaced(row, facts, keyset))
    .filter(({ target, pod }) => target.pods.every((other) => other === pod || (other.ready && !other.terminating)));
  return dispensable.filter((row, i) => dispensable.findIndex((other) => other.target === row.target) === i);
}

/**
 * A pod that proves to be behind has two chances, whatever its answers, and how often anybody looks: when the write has
 * reached every node, and after `spec.rolloutTimeout`, for a node that lags for longer than is assumed. Who is created later
 * is replaced no more. One that may have read anything counts as behind, once for a write ({@link isReplacedForDoubt}). One whose answers fit no keyset is not behind, and a successor would answer the same. Nor is one replaced of
 * whose start nothing is known: a successor would be no different.
 */
export function mayBeReplaced({ target, pod }: PodOf, facts: Facts, keyset: Keyset): boolean {
  const { now, settleMs } = facts;
  if (pod.readUpTo === undefined || hasLoadedNewest(pod, keyset)) return false;
  // its container may have read the Secret long before it counted as started; a successor is created after the write
  const isOld = pod.createdAt < currentShape(keyset).writtenAt;
  const isFirst = isOld || (!startedAfterWrite(pod, keyset) && isReplacedForDoubt(pod, facts, keyset));
  if (isFirst) return now >= reachedAllAt(facts, keyset);
  const again = secondChanceAt(facts, keyset);
  const isEarlier = pod.readUpTo + settleMs < again;
  return now >= again && isEarlier && mayHoldKeyset(target, pod, keyset);
}

/** @returns when rekey replaces a pod that is still behind once more, milliseconds since the epoch; undefined if it does not */
export function nextChanceAt(row: PodOf, facts: Facts, keyset: Keyset): number | undefined {
  const now = secondChanceAt(facts, keyset);
  return facts.now < now && !isLeftAlone(row.target) && mayBeReplaced(row, { ...facts, now }, keyset) ? now : undefined;
}

function secondChanceAt({ settings }: Pick<Facts, 'settings'>, keyset: Keyset): number {
  return Math.ceil((currentShape(keyset).writtenAt + settings.rolloutTimeoutMs) / 1000) * 1000;
}

/** @returns targets of this restart whose rollout the cluster has not finished */
export function unfinished(requirements: readonly Requirement[]): readonly TargetFacts[] {
  return requirements
    .filter(({ restart }) => restart)
    .map(({ target }) => target)
    .filter((target) => !isRolledOut(target));
}

/** @returns whether its controller has finished */
export function isRolledOut(target: TargetFacts): boolean {
  return target.workload?.rolledOut === true || isGoneJob(target);
}

/** @returns whether it is a Job that is no longer there: it has no pod that could hold a key */
export function isGoneJob({ settings, workload, finding }: TargetFacts): boolean {
  return settings.kind === 'Job' && workload === undefined && finding === undefined;
}
