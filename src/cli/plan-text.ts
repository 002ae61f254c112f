/**
 * A plan as people read it, and as programs do.
 */
import type { Forecast } from '../rotation/plan/forecast.ts';
import { formatDuration, iso } from '../rotation/schedule/duration.ts';
import { columns, when } from './output.ts';
import type { Obstacle, Plan } from './plan.ts';

/** @returns a line for each thing in the way */
export function obstaclesText(obstacles: readonly Obstacle[]): string {
  if (obstacles.length === 0) return '  nothing, as far as rekey can see without asking the pods\n';
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

const NOT_TIMED = 'not known: status.history has no completed rotation that is not an emergency';

/** @returns the plan for people: when, which way, step by step, who is restarted, what is in the way */
export function planText(plan: Plan, now: number): string {
  const { restarts, way, unless, warnings, obstacles, lastTookMs } = plan;
  const facts = [
    ['starts', startText(plan, now)],
    ['way', way === 'Overlap' ? 'Overlap: both keys are accepted for a while' : 'Cutover: the key is replaced at once'],
    ...(unless === undefined ? [] : [['unless', unless]]),
    ['refused tokens', refusedText(plan)],
    ['last rotation took', lastTookMs === undefined ? NOT_TIMED : formatDuration(lastTookMs)],
  ];
  const restartRows = restarts.map(({ target, pods, times }) => [target, String(pods), String(times)]);
  return [
    `${plan.resource}\n`,
    columns(facts, '  '),
    '\nSteps\n',
    columns(stepRows(plan, now), '  '),
    '\n',
    columns([['TARGET', 'PODS', plan.atMost ? 'RESTARTS AT MOST' : 'RESTARTS'], ...restartRows], '  '),
    '\nBlocked by\n',
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

function startText({ underWay, after, startsAt, expectedAt, obstacles }: Plan, now: number): string {
  if (underWay !== undefined) return `under way, in phase ${underWay}`;
  if (after !== undefined) return `after what is under way: ${after}`;
  if (expectedAt !== undefined) {
    return `not known yet: the operator has not adopted the Secret; if it does so now, ${when(expectedAt, now)}`;
  }
  if (startsAt === undefined) return 'on request: none is scheduled';
  if (startsAt > now) return when(startsAt, now);
  return obstacles.length === 0 ? 'now' : 'as soon as nothing blocks it';
}

function refusedText({ way, refused, maxTokenTtlMs }: Plan): string {
  if (way === 'Overlap') return refused;
  return `every token signed before that has not expired, up to ${formatDuration(maxTokenTtlMs)} old: every user must sign in again. Only the services that issued these tokens know how many there are. Until the last pod has restarted, services also refuse each other's new tokens`;
}

function lastsText(lastsMs: number, madeOf: string | undefined): string {
  return madeOf === undefined ? `lasts ${formatDuration(lastsMs)}` : `lasts ${formatDuration(lastsMs, 4)}: ${madeOf}`;
}

function waitText(step: Forecast['steps'][number], { underWay, retireAt }: Plan, now: number): string | undefined {
  const { phase, notBefore, never, lastsMs, madeOf } = step;
  if (phase === underWay && phase !== 'Draining') return undefined;
  if (never === true) return 'waits for a maintenance window, but none opens';
  if (notBefore !== undefined) return `waits for the maintenance window at ${when(notBefore, now)}`;
  if (phase === 'Draining' && underWay === phase && retireAt !== undefined)
    return `lasts until ${when(retireAt, now)}${madeOf === undefined ? '' : `: ${madeOf}`}`;
  return lastsMs === undefined ? undefined : lastsText(lastsMs, madeOf);
}
