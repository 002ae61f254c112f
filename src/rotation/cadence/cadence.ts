/**
 * When a rotation is due, and whether a new key may be promoted now.
 */

import { defined } from '../../base/objects.ts';
import type { Finding } from '../api/finding.ts';
import type { Attempts } from '../keyset/keyset.ts';
import { iso } from '../schedule/duration.ts';
import { lastRun, nextRuns, runsAfter } from '../schedule/schedule.ts';
import type { Cadence, WindowSettings } from '../settings/settings.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MAX_BACKOFF_MS = DAY_MS;

export interface Due {
  /** The scheduled start that no rotation has served yet; milliseconds since the epoch. */
  readonly since?: number;
  /** The next start, milliseconds since the epoch; undefined if the schedule has none. */
  readonly next?: number;
  /** The next five. */
  readonly nextRuns: readonly number[];
}

/**
 * Counts from the last completed rotation. One missed start is made up for, if it is not older than the starting
 * deadline.
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
  const runs = nextRuns(schedule, timeZone, now, 5);
  const next = since ?? runs[0];
  return { ...defined({ since, next }), nextRuns: runs };
}

/**
 * @returns when a failed scheduled rotation may be tried again, milliseconds since the epoch: after 1 h, doubling to a
 *   day
 */
export function backoffUntil(attempts: Attempts): number {
  if (attempts.failedAt === undefined || attempts.failures === 0) return 0;
  return attempts.failedAt + Math.min(HOUR_MS * 2 ** (attempts.failures - 1), MAX_BACKOFF_MS);
}

export interface WindowState {
  readonly open: boolean;
  /** The next opening, milliseconds since the epoch; undefined if there is none. */
  readonly opensAt?: number;
}

/** Deny overrides Allow. Without any Allow window, the windows are always open. */
export function windowState(windows: readonly WindowSettings[], now: number): WindowState {
  const isOpen = (window: WindowSettings) => openedAt(window, now) !== undefined;
  const allows = windows.filter((window) => window.kind === 'Allow');
  const denied = windows.some((window) => window.kind === 'Deny' && isOpen(window));
  if (!denied && (allows.length === 0 || allows.some(isOpen))) return { open: true };
  const opensAt = nextOpening(windows, now);
  return opensAt === undefined ? { open: false } : { open: false, opensAt };
}

/**
 * Finds windows in which no key could be promoted, or only after the rotation after the next one is due. Without this
 * finding, a rotation would be staged and wait, and nobody would learn why.
 *
 * @param due from `dueOf`
 * @param now milliseconds since the epoch
 * @param promotingMs how long the signers took to change keys last time, if that was measured
 */
export function impossibleWindow(
  windows: readonly WindowSettings[],
  due: Due,
  now: number,
  promotingMs: number | undefined,
): Finding | undefined {
  if (windows.length === 0) return undefined;
  const longest = Math.max(0, ...windows.flatMap(({ kind, durationMs }) => (kind === 'Allow' ? durationMs : [])));
  if (promotingMs !== undefined && longest > 0 && longest < promotingMs) {
    const message = `spec.maintenanceWindows: the longest Allow window is ${longest / 1000} s, and the signers took ${Math.ceil(promotingMs / 1000)} s to change keys last time; open a longer one`;
    return { reason: 'WindowTooShort', message };
  }
  const starts = [...(due.since === undefined ? [] : [due.since]), ...due.nextRuns];
  const start = Math.max(now, starts[0] ?? now);
  const opensAt = nextOpening(windows, start);
  if (opensAt === undefined) {
    const message = `spec.maintenanceWindows: no window opens after ${iso(start)}, so no key could be promoted; add an Allow window that no Deny window covers`;
    return { reason: 'InvalidWindow', message };
  }
  const deadline = starts.find((each) => each > start);
  if (deadline === undefined || opensAt < deadline) return undefined;
  const message = `spec.maintenanceWindows: the rotation that starts at ${iso(start)} finds no window before ${iso(opensAt)}, and the next one is due at ${iso(deadline)}; open windows more often or rotate less often`;
  return { reason: 'InvalidWindow', message };
}

/** @returns the start of the window's latest opening that is not over */
function openedAt({ schedule, timeZone, durationMs }: WindowSettings, now: number): number | undefined {
  return lastRun(schedule, timeZone, now - durationMs, now);
}

interface Span {
  readonly from: number;
  readonly until: number;
}

/** How far ahead to search for an opening, from the first start of an Allow window on. */
const HORIZON_MS = 400 * DAY_MS;
const LONGEST_SPAN_MS = 32 * DAY_MS;

/** How many starts of windows one search reads: many windows that open every minute must not stop the operator. */
const MAX_STARTS = 100_000;

/** Size of the cache of openings. Without a bound, many edits would let it grow for ever. */
const MAX_OPENINGS = 1_000;
const openings = new Map<string, { readonly askedAt: number; readonly opensAt: number | undefined }>();

/**
 * The first moment from `now` on at which an Allow window is open and no Deny window is. The result is valid until that
 * moment, so it is calculated once. The result "none" is calculated again after a day.
 */
function nextOpening(windows: readonly WindowSettings[], now: number): number | undefined {
  const key = JSON.stringify(windows);
  const known = openings.get(key);
  if (known !== undefined && known.askedAt <= now && now <= (known.opensAt ?? known.askedAt + DAY_MS)) {
    return known.opensAt;
  }
  if (openings.size >= MAX_OPENINGS) openings.clear();
  const opensAt = findOpening(windows, now);
  openings.set(key, { askedAt: now, opensAt });
  return opensAt;
}

function findOpening(windows: readonly WindowSettings[], now: number): number | undefined {
  const allows = windows.filter((window) => window.kind === 'Allow');
  const denies = windows.filter((window) => window.kind === 'Deny');
  const starts = allows.map((window) =>
    openedAt(window, now) === undefined ? (nextRuns(window.schedule, window.timeZone, now, 1)[0] ?? Infinity) : now,
  );
  const first = allows.length === 0 ? now : Math.min(...starts);
  const seen = { starts: 0 };
  let span = { from: first, until: first + DAY_MS };
  while (span.from < first + HORIZON_MS && seen.starts < MAX_STARTS) {
    const open = allows.length === 0 ? [span] : spansOf(allows, span, seen);
    const gap = firstGap(open, spansOf(denies, span, seen));
    if (gap !== undefined) return gap;
    // begin with short spans: most windows open within days
    span = { from: span.until, until: span.until + Math.min(2 * (span.until - span.from), LONGEST_SPAN_MS) };
  }
  return undefined;
}

/**
 * When the windows are open within a span: ascending and apart from each other.
 *
 * @param seen counts the starts that were looked at
 */
function spansOf(windows: readonly WindowSettings[], span: Span, seen: { starts: number }): readonly Span[] {
  const all = windows.flatMap((window) => {
    const spans: { from: number; until: number }[] = [];
    const add = (start: number) => {
      seen.starts++;
      const until = Math.min(span.until, start + window.durationMs);
      const last = spans.at(-1);
      if (last !== undefined && start <= last.until) last.until = until;
      else spans.push({ from: Math.max(span.from, start), until });
    };
    const opened = openedAt(window, span.from);
    if (opened !== undefined) add(opened);
    for (const start of runsAfter(window.schedule, window.timeZone, span.from)) {
      if (start >= span.until) break;
      add(start);
    }
    return spans;
  });
  const merged: Span[] = [];
  for (const { from, until } of all.sort((a, b) => a.from - b.from)) {
    const last = merged.at(-1);
    if (last === undefined || from > last.until) merged.push({ from, until });
    else merged[merged.length - 1] = { from: last.from, until: Math.max(last.until, until) };
  }
  return merged;
}

/** The first moment that is in one of the open spans and in none of the shut ones; both as `spansOf` gives them. */
function firstGap(open: readonly Span[], shut: readonly Span[]): number | undefined {
  let next = 0;
  for (const { from, until } of open) {
    while ((shut[next]?.until ?? Infinity) <= from) next++;
    const covering = shut[next];
    const at = covering !== undefined && covering.from <= from ? covering.until : from;
    if (at < until) return at;
  }
  return undefined;
}
