/**
 * A schedule that is not kept: an announced start was missed, or the next one cannot be kept. Neither blocks anything,
 * but without a warning a key that changes each quarter would silently skip one.
 */

import type { JwtKeyRotationStatus } from '../api/types.ts';
import type { Keyset } from '../keyset/keyset.ts';
import { iso } from '../schedule/duration.ts';
import { nextRuns } from '../schedule/schedule.ts';
import { drainText } from '../settings/drain.ts';
import type { Cadence, Settings } from '../settings/settings.ts';

export interface OffSchedule {
  readonly reason: 'RotationMissed' | 'ScheduleTooShort';
  /** Stays the same for the same start and the same spec. */
  readonly message: string;
  /** The start that was missed, milliseconds since the epoch. */
  readonly missedRun?: number;
}

type CronCadence = Extract<Cadence, { kind: 'Cron' }>;

/** How many runs are compared, beginning on a fixed day: the result must not change with the time. */
const RUNS = 32;
const FROM = Date.UTC(2026, 0, 1);

/**
 * @param keyset undefined if the Secret cannot be read: then nothing new is known
 * @param now milliseconds since the epoch
 */
export function offSchedule(
  settings: Settings,
  status: JwtKeyRotationStatus | undefined,
  keyset: Keyset | undefined,
  now: number,
): OffSchedule | undefined {
  const { cadence } = settings;
  if (cadence.kind === 'Period') return undefined;
  const missedRun = missedOf(cadence, settings.suspend, status, keyset, now);
  if (missedRun === undefined) return tooShort(cadence, settings);
  const message = `a rotation was due at ${iso(missedRun)}, and none has completed since; rekey no longer tries that one, because spec.startingDeadlineSeconds have passed. The key is older than the schedule allows: find out what blocked the rotation, then request one (kubectl rekey rotate NAME) or wait for the next start`;
  return { reason: 'RotationMissed', message, missedRun };
}

/**
 * Reports only a start that was announced, because the schedule before that is unknown. It stays until a rotation
 * completes.
 */
function missedOf(
  { startingDeadlineMs }: CronCadence,
  suspend: boolean,
  status: JwtKeyRotationStatus | undefined,
  keyset: Keyset | undefined,
  now: number,
): number | undefined {
  const [announced, reported] = [timeIn(status?.scheduledRun), timeIn(status?.missedRun)];
  const since = keyset?.attempts.since ?? 0;
  const isOver = announced !== undefined && announced > since && announced + startingDeadlineMs <= now;
  // a rotation under way serves a start that comes meanwhile
  if (isOver && !suspend && keyset?.phase === 'Steady') return announced;
  return reported !== undefined && reported > since ? reported : undefined;
}

/** A cutover refuses all tokens at once, so its rotation may be short. */
function tooShort({ schedule, timeZone }: CronCadence, settings: Settings) {
  const { strategy, allowCutover, drainMs } = settings;
  if (allowCutover && strategy !== 'Overlap') return undefined;
  const runs = nextRuns(schedule, timeZone, FROM, RUNS);
  if (runs.length < 2 || runs.some((run, i) => run - (runs[i - 1] ?? run) > drainMs)) return undefined;
  const message = `spec.schedule: no two starts are further apart than the drain time of old tokens, ${drainText(settings)}, so starts come while a rotation is under way and have no effect; make it run less often, such as 0 3 1 */3 *`;
  return { reason: 'ScheduleTooShort', message } as const;
}

function timeIn(text: string | undefined): number | undefined {
  const at = Date.parse(text ?? '');
  return Number.isNaN(at) ? undefined : at;
}
