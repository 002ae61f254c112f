/**
 * When a rotation is due, and whether a new key may be promoted now.
 */
import type { Attempts } from './keyset.ts';
import { lastRun, nextRuns } from './schedule.ts';
import type { Cadence, WindowSettings } from './settings.ts';

const HOUR_MS = 3_600_000;
const MAX_BACKOFF_MS = 24 * HOUR_MS;

export interface Due {
  /** The scheduled start that is not served yet; milliseconds since the epoch. */
  readonly since?: number;
  /** The next start to come, milliseconds since the epoch; undefined if the schedule has none. */
  readonly next?: number;
  /** The next five. */
  readonly nextRuns: readonly number[];
}

/**
 * Counts from the last completed rotation. A missed start is caught up once, if it is not older than the starting deadline.
 *
 * @param now milliseconds since the epoch
 */
export function dueOf(cadence: Cadence, attempts: Attempts, now: number): Due {
  return cadence.kind === 'Period' ? duePeriod(cadence.periodMs, attempts, now) : dueCron(cadence, attempts, now);
}

function duePeriod(periodMs: number, attempts: Attempts, now: number): Due {
  const first = attempts.since + periodMs;
  const runs = Array.from({ length: 5 }, (_, i) => first + i * periodMs);
  return { ...(first <= now && { since: first }), next: first, nextRuns: runs };
}

function dueCron(cadence: Extract<Cadence, { kind: 'Cron' }>, attempts: Attempts, now: number): Due {
  const { schedule, timeZone, startingDeadlineMs } = cadence;
  const since = lastRun(schedule, timeZone, Math.max(attempts.since, now - startingDeadlineMs), now);
  const runs = nextRuns(schedule, timeZone, 5);
  const next = since ?? runs[0];
  return { ...(since !== undefined && { since }), ...(next !== undefined && { next }), nextRuns: runs };
}

/** @returns until when a failed scheduled rotation is not tried again, milliseconds since the epoch: 1 h, doubling to a day */
export function backoffUntil(attempts: Attempts): number {
  if (attempts.failedAt === undefined || attempts.failures === 0) return 0;
  return attempts.failedAt + Math.min(HOUR_MS * 2 ** (attempts.failures - 1), MAX_BACKOFF_MS);
}

export interface WindowState {
  readonly open: boolean;
  /** When it may open next, milliseconds since the epoch. */
  readonly opensAt?: number;
}

/** Deny beats Allow; no Allow window at all means always. */
export function windowState(windows: readonly WindowSettings[], now: number): WindowState {
  const isOpen = (window: WindowSettings) =>
    lastRun(window.schedule, window.timeZone, now - window.durationMs, now) !== undefined;
  const allows = windows.filter((window) => window.kind === 'Allow');
  const denied = windows.some((window) => window.kind === 'Deny' && isOpen(window));
  if (!denied && (allows.length === 0 || allows.some(isOpen))) return { open: true };
  const openings = allows.flatMap((window) => nextRuns(window.schedule, window.timeZone, 1));
  return openings.length === 0 ? { open: false } : { open: false, opensAt: Math.min(...openings) };
}
