/**
 * `plan` and `check`: what the next rotation will do, and what keeps it from starting.
 */

import type { JwtKeyRotation } from '../rotation/api/names.ts';
import { dueOf } from '../rotation/cadence/cadence.ts';
import type { Surroundings } from '../rotation/facts.ts';
import type { Leadership } from '../rotation/people/leadership.ts';
import type { Operations } from '../rotation/people/operations.ts';
import { isAtRest } from '../rotation/people/preview.ts';
import { type Forecast, forecast, stepAt } from '../rotation/plan/forecast.ts';
import { pauseOf } from '../rotation/requests/pause.ts';
import { pendingIn } from '../rotation/requests/requests.ts';
import { iso } from '../rotation/schedule/duration.ts';
import { drainText } from '../rotation/settings/drain.ts';
import { drainOf, type Settings } from '../rotation/settings/settings.ts';
import { specFindings } from '../rotation/settings/spec-checks.ts';
import { lastedMs } from './history.ts';
import { nobodyText } from './leader.ts';
import { conditionOf, isSeen, UNSEEN } from './status.ts';

/** What stands in the way: a reason and a sentence. */
export interface Obstacle {
  readonly reason: string;
  readonly message: string;
}

export interface Plan extends Omit<Forecast, 'findings'> {
  readonly resource: string;
  /** When it starts, milliseconds since the epoch; undefined if nobody asks for one and none is scheduled. */
  readonly startsAt?: number;
  /** By the schedule, if the operator takes the Secret over now; only while it has not yet reported when it starts. */
  readonly expectedAt?: number;
  readonly obstacles: readonly Obstacle[];
  /** Where the rotation under way is that this plan is of: a phase of `steps`. */
  readonly underWay?: string;
  /** What goes on that this plan is not of: it comes after that. */
  readonly after?: string;
  /** When the draining key leaves, milliseconds since the epoch. */
  readonly retireAt?: number;
  /** How long the last completed rotation took, milliseconds. */
  readonly lastTookMs?: number;
  /** The longest life of a token, milliseconds: how old the oldest can be that is refused. */
  readonly maxTokenTtlMs: number;
}

/**
 * @param at `now`: as if somebody asked for it now
 * @returns what stands in the way alone where the spec cannot be understood
 */
export async function planOf(
  operations: Operations,
  resource: JwtKeyRotation,
  at: 'now' | 'schedule',
  now: number,
): Promise<Plan | { readonly obstacles: readonly Obstacle[] }> {
  const invalid = specFindings(resource.spec);
  if (invalid.length > 0) return { obstacles: invalid };
  const [surroundings, leadership] = await Promise.all([
    operations.surroundings(resource),
    operations.leadership(resource),
  ]);
  return planFrom(resource, surroundings, leadership, at, now);
}

/** @param resource with a valid spec */
export function planFrom(
  resource: JwtKeyRotation,
  surroundings: Surroundings,
  leadership: Leadership,
  at: 'now' | 'schedule',
  now: number,
): Plan {
  const { metadata, status } = resource;
  const startsAt = beginsAt(resource, at, now);
  const expectedAt = startsAt === undefined ? expectedOf(resource, surroundings.settings, now) : undefined;
  const retireAt = timeOf(status?.retireNotBefore);
  const { findings, warnings, ...rest } = forecast(surroundings, startsAt ?? now, status);
  const goesBack = conditionOf(resource, 'Rotating')?.reason === 'RollingBack';
  const current = isAtRest(status) ? undefined : goesBack ? 'RollingBack' : status?.phase;
  const step = current === 'RollingBack' ? undefined : stepAt(rest, current);
  // what goes on is what its targets are in the middle of
  const open = current === undefined ? findings : findings.filter(({ reason }) => reason !== 'RolloutInProgress');
  const last = status?.history?.find(({ outcome, trigger }) => outcome === 'Completed' && trigger !== 'Emergency');
  const lastTookMs = last && lastedMs(last);
  return {
    resource: `${metadata.namespace}/${metadata.name}`,
    ...rest,
    ...(startsAt !== undefined && { startsAt }),
    ...(expectedAt !== undefined && { expectedAt }),
    warnings: [...warnedOf(resource), ...warnings],
    obstacles: [...leaderless(leadership, resource, now), ...merged(told(resource, at, now), open)],
    ...(step !== undefined && { underWay: step.phase }),
    ...(step === undefined && current !== undefined && { after: current }),
    ...(retireAt !== undefined && { retireAt }),
    ...(lastTookMs !== undefined && { lastTookMs }),
    maxTokenTtlMs: surroundings.settings.maxTokenTtlMs,
  };
}

/** What the operator has reported, and whether one leads: for users who may read nothing else. */
export function statusObstacles(resource: JwtKeyRotation, leadership: Leadership, now: number): readonly Obstacle[] {
  return [...leaderless(leadership, resource, now), ...told(resource, 'now', now)];
}

/** What keeps another rotation from starting: one that is under way, too. */
export function obstaclesNow(resource: JwtKeyRotation, { obstacles }: { readonly obstacles: readonly Obstacle[] }) {
  const { phase } = resource.status ?? {};
  if (isAtRest(resource.status)) return obstacles;
  const queued = pendingIn(resource).length === 0 ? 'another request' : 'the queued request';
  const message = `a rotation is under way (${phase}); ${queued} starts when it ends`;
  return [{ reason: 'RotationInProgress', message }, ...obstacles];
}

/** @returns milliseconds since the epoch */
function beginsAt(resource: JwtKeyRotation, at: 'now' | 'schedule', now: number): number | undefined {
  if (at === 'now' || !isAtRest(resource.status) || pendingIn(resource).length > 0) return now;
  const due = timeOf(resource.status?.nextRotationTime);
  return due === undefined ? undefined : Math.max(due, now);
}

/** For a resource that no operator has looked at, a run that is due is not shown: its schedule counts from the first look. */
function expectedOf({ spec, status }: JwtKeyRotation, { cadence }: Settings, now: number): number | undefined {
  const isTold = status?.currentKeyId !== undefined;
  return isTold || spec.suspend ? undefined : dueOf(cadence, { since: now, failures: 0 }, now).next;
}

function timeOf(text: string | undefined): number | undefined {
  const at = Date.parse(text ?? '');
  return Number.isNaN(at) ? undefined : at;
}

function leaderless(leadership: Leadership, resource: JwtKeyRotation, now: number): readonly Obstacle[] {
  if (leadership.kind !== 'Nobody') return [];
  return [{ reason: 'NobodyLeads', message: nobodyText(leadership, resource, now) }];
}

/** What the operator says. It has asked the pods and read the Secret. */
function told(resource: JwtKeyRotation, at: 'now' | 'schedule', now: number): readonly Obstacle[] {
  if (!isSeen(resource)) return [{ reason: 'NotSeen', message: UNSEEN }];
  const paused = pauseOf(resource);
  const ready = conditionOf(resource, 'Ready');
  // a request does not wait for the back-off of the schedule
  const ignored = ['Paused', 'PauseUnreadable', 'Burning', ...(at === 'now' ? ['BackingOff'] : [])];
  const found = timeOf(resource.status?.retireNotBefore) ?? 0;
  const draining = `keys found when rekey adopted the Secret stay accepted until ${iso(found)}, ${drainText(drainOf(resource.spec))} after they were found; the rotation starts then`;
  return [
    ...(paused === undefined ? [] : [paused]),
    ...(resource.spec.suspend ? [{ reason: 'Suspended', message: 'spec.suspend is set' }] : []),
    ...(isAtRest(resource.status) && found > now ? [{ reason: 'FoundKeysDraining', message: draining }] : []),
    ...(ready?.status === 'False' && !ignored.includes(ready.reason) ? [ready] : []),
  ].map(({ reason, message }) => ({ reason, message }));
}

/** What the operator has seen of the keys: no reason to wait, on the contrary. */
export function warnedOf(resource: JwtKeyRotation): readonly string[] {
  const weak = conditionOf(resource, 'WeakKey');
  return weak?.status === 'True' ? [`WeakKey: ${weak.message}`] : [];
}

/** What is seen now is listed in full; the operator reports only the first of these. */
function merged(before: readonly Obstacle[], now: readonly Obstacle[]): readonly Obstacle[] {
  const seen = new Set(now.map(({ reason }) => reason));
  return [...before.filter(({ reason }) => !seen.has(reason)), ...now];
}
