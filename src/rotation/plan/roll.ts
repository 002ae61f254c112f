/**
 * One step of a rolling restart: the next action towards the requirements, or what to report while nothing can be done.
 * This is the place that chooses between stamp, refresh, evict, ask and wait.
 */

import { defined } from '../../base/objects.ts';
import type { Finding } from '../api/finding.ts';
import type { Facts, PodOf } from '../facts.ts';
import { currentShape, type Keyset } from '../keyset/keyset.ts';
import { formatDuration } from '../schedule/duration.ts';
import {
  bump,
  isLeaving,
  isRolledOut,
  RETRY_MS,
  type Requirement,
  type Survey,
  survey,
  toBump,
  toEvict,
  toProbe,
  toRefresh,
  unfinished,
  waitedText,
} from './converge.ts';
import type { StatusPhase, Step } from './decision.ts';
import { acceptedDead, isConclusive, levelOf, startedAfterWrite } from './evidence.ts';
import { acceptsMadeUpKey, doesNotFollow, refusesEveryKey, stillRunning } from './policies/pods.ts';
import { restartableAt } from './settling.ts';
import { clockFinding } from './write-gate.ts';

export interface Roll {
  /** Pods are asked again if their answers are older than this, milliseconds. */
  readonly maxAgeMs: number;
  readonly phase: StatusPhase;
  readonly rows?: Survey;
  /** Pods that are behind and may be replaced; all of them if absent. */
  readonly replaceable?: readonly PodOf[];
}

/** @returns the next step towards the requirements; undefined once every live pod meets them and the rollouts are over */
export function roll(
  facts: Facts,
  keyset: Keyset,
  requirements: readonly Requirement[],
  options: Roll,
): Step | undefined {
  const { now } = facts;
  const {
    maxAgeMs,
    phase,
    rows = survey(requirements, keyset),
    replaceable = [...rows.stale, ...rows.unfit],
  } = options;
  const progress = describe(requirements, rows);
  const targets = toBump(requirements, keyset, facts);
  if (targets.length > 0) return { action: bump(targets, keyset, facts), phase, progress };
  const outdated = toRefresh(requirements, keyset);
  if (outdated.length > 0) {
    return { action: { type: 'refresh', pods: outdated, version: keyset.version }, phase, progress };
  }
  const evictable = toEvict([...replaceable, ...toldByNobody(rows, keyset)], facts, keyset);
  if (evictable.length > 0) return { action: { type: 'evict', pods: evictable }, phase, progress };
  const pods = toProbe(requirements, keyset, now, maxAgeMs);
  const pending = [...rows.unknown, ...rows.leaving, ...rows.refusing, ...rows.void, ...rows.stale, ...rows.unfit];
  if (pods.length > 0) {
    // asking once more does not remove what blocks; a pod that was not asked yet does not block
    const isNew = ({ pod }: PodOf) => pod.probe?.version !== keyset.version && pods.some((asked) => asked.pod === pod);
    const known = pending.filter((row) => !isNew(row));
    const still = known.length === 0 ? undefined : stalledFinding(facts, keyset, requirements, known, progress, rows);
    return { action: { type: 'probe', pods }, phase, progress, ...defined({ stalled: still }) };
  }
  const settling = requirements.some(({ target, restart }) => restart && now < restartableAt(target, facts, keyset));
  if (pending.length === 0 && !settling && unfinished(requirements).length === 0) return undefined;
  const stalled = stalledFinding(facts, keyset, requirements, pending, progress, rows);
  return { action: { type: 'wait', until: now + 2 * RETRY_MS }, phase, progress, ...defined({ stalled }) };
}

/**
 * Pods that may have read an older Secret, and of which no answer will ever show it: somebody has taken the canary away, or
 * added a container, after they were restarted. Waiting would show nothing. What has not started yet may still read the new one.
 */
function toldByNobody({ unknown }: Survey, keyset: Keyset): readonly PodOf[] {
  return unknown.filter(({ target, pod }) => {
    const isInferred = levelOf(target) === 'Inferred' && target.settings.source !== 'File';
    const isAsked = target.settings.canary === undefined || isConclusive(pod, keyset);
    const isEarly = pod.startedAt !== undefined && !startedAfterWrite(pod, keyset);
    return isInferred && isAsked && isEarly && !isLeaving(target, pod);
  });
}

/** @returns why a restart takes longer than spec.rolloutTimeout; undefined while it does not */
export function stalledFinding(
  facts: Facts,
  keyset: Keyset,
  requirements: readonly Requirement[],
  pending: readonly PodOf[],
  progress: string,
  rows?: Survey,
): Finding | undefined {
  const liar = pending.find(({ pod }) => pod.probe?.random === 'accepted');
  if (liar !== undefined) return acceptsMadeUpKey(liar.pod);
  const refusing = rows?.refusing.find(({ pod }) => pod.ready && !pod.terminating);
  if (refusing !== undefined) return refusesEveryKey(refusing.pod, 'the one in use');
  // while its rollout is under way, its other pods may still show that the cause is the service
  const unfit = rows?.unfit.find(({ target, pod }) => isRolledOut(target) || acceptedDead(pod, keyset) !== undefined);
  if (unfit !== undefined) return doesNotFollow(unfit, facts, keyset);
  const running = stillRunning(pending, 'the rotation goes on when it ends');
  const isLate = facts.now >= currentShape(keyset).writtenAt + facts.settings.rolloutTimeoutMs;
  if (running !== undefined && isLate) return running;
  const failed = unfinished(requirements).find((target) => target.workload?.failed !== undefined);
  if (failed !== undefined) {
    return { reason: 'RolloutFailed', message: `${failed.settings.name}: ${failed.workload?.failed}` };
  }
  if (facts.clockOffsetMs === undefined && pending.length > 0) return clockFinding(facts);
  const { rolloutTimeoutMs } = facts.settings;
  // a pod may start long after the write, so each has its own time limit, and a new pod does not hide an old one
  const { writtenAt } = currentShape(keyset);
  // nor does one that is replaced because somebody else writes the Secret
  const isYoung = pending.length > 0 && pending.every(({ pod }) => pod.foreign === undefined);
  const oldest = isYoung ? Math.min(...pending.map(({ pod }) => pod.createdAt)) : writtenAt;
  const since = Math.max(writtenAt, oldest);
  if (facts.now < since + rolloutTimeoutMs) return undefined;
  const message = `longer than ${formatDuration(rolloutTimeoutMs)}: ${progress}. The rotation stays where it is`;
  return { reason: 'RolloutStalled', message };
}

function describe(requirements: readonly Requirement[], rows: Survey): string {
  const counts = requirements.map(({ target }) => {
    const met = rows.met.filter((row) => row.target === target).length;
    return `${target.settings.name} ${met}/${target.pods.length}`;
  });
  return `pods acknowledged: ${counts.join(', ')}${waitedText(rows)}`;
}
