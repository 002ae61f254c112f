/**
 * `plan` and `check`: what the next rotation will do, and what keeps it from starting.
 */
import { drainText } from '../rotation/drain.ts';
import { iso } from '../rotation/iso.ts';
import type { Leadership } from '../rotation/leadership.ts';
import type { JwtKeyRotation } from '../rotation/names.ts';
import type { Operations } from '../rotation/operations.ts';
import { pauseOf } from '../rotation/pause.ts';
import { type Forecast, forecast, stepAt } from '../rotation/plan/forecast.ts';
import { isAtRest } from '../rotation/preview.ts';
import { pendingIn } from '../rotation/requests.ts';
import { dueOf } from '../rotation/schedule/cadence.ts';
import { formatDuration } from '../rotation/schedule/duration.ts';
import { drainOf, type Settings, specFindings } from '../rotation/settings.ts';
import { lastedMs } from './history.ts';
import { nobodyText } from './leader.ts';
import { columns, when } from './output.ts';
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
  /** By the schedule, if the operator takes the Secret over now; only where it has not told yet when it starts. */
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
  const { metadata, status } = resource;
  const startsAt = startOf(resource, at, now);
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

/** What keeps another rotation from starting: one that is under way, too. */
export function obstaclesNow(resource: JwtKeyRotation, { obstacles }: { readonly obstacles: readonly Obstacle[] }) {
  const { phase } = resource.status ?? {};
  if (isAtRest(resource.status)) return obstacles;
  const queued = pendingIn(resource).length === 0 ? 'another one that is asked for' : 'one that is queued already';
  const message = `a rotation is under way (${phase}); ${queued} starts when it has ended`;
  return [{ reason: 'RotationInProgress', message }, ...obstacles];
}

/** @returns milliseconds since the epoch */
function startOf(resource: JwtKeyRotation, at: 'now' | 'schedule', now: number): number | undefined {
  if (at === 'now' || !isAtRest(resource.status) || pendingIn(resource).length > 0) return now;
  const due = timeOf(resource.status?.nextRotationTime);
  return due === undefined ? undefined : Math.max(due, now);
}

/** A run that is due is not told of a resource that nobody has looked at: it counts from then. */
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
  const draining = `keys that were found when the Secret was taken over are accepted until ${iso(found)}, ${drainText(drainOf(resource.spec))} after they were found; the rotation starts then`;
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

/** What is seen now is told in full; what the operator has told of it is the first of these alone. */
function merged(before: readonly Obstacle[], now: readonly Obstacle[]): readonly Obstacle[] {
  const seen = new Set(now.map(({ reason }) => reason));
  return [...before.filter(({ reason }) => !seen.has(reason)), ...now];
}

export function obstaclesText(obstacles: readonly Obstacle[]): string {
  if (obstacles.length === 0) return '  nothing, as far as it shows without asking the pods\n';
  return columns(
    obstacles.map(({ reason, message }) => [reason, message]),
    '  ',
  );
}

/** For programs: times in ISO 8601, durations in seconds. */
export function planRecord({
  steps,
  startsAt,
  expectedAt,
  retireAt,
  lastTookMs,
  maxTokenTtlMs,
  ...plan
}: Plan): object {
  return {
    ...plan,
    ...(retireAt !== undefined && { retireAt: iso(retireAt) }),
    ...(startsAt !== undefined && { startsAt: iso(startsAt) }),
    ...(expectedAt !== undefined && { expectedAt: iso(expectedAt) }),
    steps: steps.map(({ notBefore, lastsMs, ...step }) => ({
      ...step,
      ...(notBefore !== undefined && { notBefore: iso(notBefore) }),
      ...(lastsMs !== undefined && { lastsSeconds: lastsMs / 1000 }),
    })),
    ...(lastTookMs !== undefined && { lastTookSeconds: lastTookMs / 1000 }),
    maxTokenTtlSeconds: maxTokenTtlMs / 1000,
  };
}

export function planText(plan: Plan, now: number): string {
  const { restarts, way, unless, warnings, obstacles, lastTookMs } = plan;
  const facts = [
    ['starts', startText(plan, now)],
    ['way', way === 'Overlap' ? 'Overlap: both keys are accepted for a while' : 'Cutover: the key is replaced at once'],
    ...(unless === undefined ? [] : [['unless', unless]]),
    ['refused tokens', refusedText(plan)],
    ['the last one took', lastTookMs === undefined ? 'not known: none was completed yet' : formatDuration(lastTookMs)],
  ];
  const restartRows = restarts.map(({ target, pods, times }) => [target, String(pods), String(times)]);
  return [
    `${plan.resource}\n`,
    columns(facts, '  '),
    '\nSteps\n',
    columns(stepRows(plan, now), '  '),
    '\n',
    columns([['TARGET', 'PODS', plan.atMost ? 'RESTARTS AT MOST' : 'RESTARTS'], ...restartRows], '  '),
    '\nIn the way\n',
    obstaclesText(obstacles),
    ...(warnings.length === 0
      ? []
      : [
          '\nWorth knowing\n',
          columns(
            warnings.map((text) => [text]),
            '  ',
          ),
        ]),
  ].join('');
}

/** What is true at the end of each step; below it who is restarted, and what it waits for besides the pods. */
function stepRows(plan: Plan, now: number): readonly (readonly string[])[] {
  const current = plan.steps.findIndex(({ phase }) => phase === plan.underWay);
  return plan.steps.flatMap((step, i) => {
    const mark = current === -1 || i > current ? '' : i === current ? 'now' : 'done';
    const restarts = step.restarts.length === 0 ? [] : [`restarts ${step.restarts.join(', ')}`];
    const waits = mark === 'done' ? undefined : waitText(step, plan, now);
    const more = [...restarts, ...(waits === undefined ? [] : [waits])].map((text) => ['', '', '', text]);
    return [[String(i + 1), step.phase, mark, step.does], ...more];
  });
}

function startText({ underWay, after, startsAt, expectedAt }: Plan, now: number): string {
  if (underWay !== undefined) return `under way, in the phase ${underWay}`;
  if (after !== undefined) return `after what goes on now: ${after}`;
  if (expectedAt !== undefined) {
    return `not known yet, the operator has not taken the Secret over; if it does now, ${when(expectedAt, now)}`;
  }
  if (startsAt === undefined) return 'when somebody asks for it: none is scheduled';
  return startsAt <= now ? 'now' : when(startsAt, now);
}

function refusedText({ way, maxTokenTtlMs }: Plan): string {
  if (way === 'Overlap') return 'none';
  return `all that were signed before and have not expired, up to ${formatDuration(maxTokenTtlMs)} old: every user signs in again. How many there are is known to the services that issued them, not to rekey. Until the last pod has started anew, services refuse each other's new tokens too`;
}

function lastsText(lastsMs: number, madeOf: string | undefined): string {
  return madeOf === undefined ? `lasts ${formatDuration(lastsMs)}` : `lasts ${formatDuration(lastsMs, 4)}: ${madeOf}`;
}

function waitText(step: Forecast['steps'][number], { underWay, retireAt }: Plan, now: number): string | undefined {
  const { phase, notBefore, never, lastsMs, madeOf } = step;
  if (phase === underWay && phase !== 'Draining') return undefined;
  if (never === true) return 'waits for a maintenance window, and none opens';
  if (notBefore !== undefined) return `waits for the maintenance window of ${when(notBefore, now)}`;
  if (phase === 'Draining' && underWay === phase && retireAt !== undefined)
    return `lasts until ${when(retireAt, now)}${madeOf === undefined ? '' : `: ${madeOf}`}`;
  return lastsMs === undefined ? undefined : lastsText(lastsMs, madeOf);
}
