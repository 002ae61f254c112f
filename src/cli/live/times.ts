/**
 * Times to come, for whoever waits for them: how long still, and when that is.
 */
import { formatDuration, iso } from '../../rotation/schedule/duration.ts';

const DAY_MS = 86_400_000;

/**
 * @param at milliseconds since the epoch
 * @returns such as `in 22s, at 20:14:09 UTC`; of another day with its date
 */
export function leftText(at: number, now: number): string {
  return `in ${formatDuration(at - now)}, at ${clockText(at, now)}`;
}

/** @returns such as `20:14:09 UTC`, or `2026-12-01 03:00 UTC` of another day */
export function clockText(at: number, now: number): string {
  const text = iso(at);
  const isToday = Math.floor(at / DAY_MS) === Math.floor(now / DAY_MS);
  return isToday ? `${text.slice(11, 19)} UTC` : `${text.slice(0, 10)} ${text.slice(11, 16)} UTC`;
}
