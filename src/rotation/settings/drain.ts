/**
 * The drain time: how long an old key is accepted after the last container that could sign with it is gone. It is a sum, and
 * wherever its length is told, so is what it is made of.
 */
import { formatDuration } from '../schedule/duration.ts';

/** Parts of the drain time, milliseconds. */
export interface Drain {
  readonly maxTokenTtlMs: number;
  readonly clockSkewMs: number;
  /** With whatever slack there is: maxTokenTTL + clockSkew + slack. */
  readonly drainMs: number;
}

/** What the Date header of an answer does not tell, twice, and the whole seconds of `exp`, rounded up. */
const MIN_SLACK_MS = 10_000;

/**
 * The slack where the spec names none: a quarter of the life of a token, for lives that are longer than was thought; and not
 * less than what the clock that measures the drain can run ahead unnoticed. It is found (`ClockSkew`) where it differs from a
 * second one by more than the skew, so it may move by twice that. See docs/adr/0022-slack-in-proportion.md.
 *
 * @returns milliseconds, whole seconds
 */
export function defaultSlackMs({ maxTokenTtlMs, clockSkewMs }: Omit<Drain, 'drainMs'>): number {
  const quarter = Math.ceil(maxTokenTtlMs / 4000) * 1000;
  return Math.max(quarter, 2 * clockSkewMs + MIN_SLACK_MS);
}

/** @returns such as `20s tokens + 1m skew + 2m 10s slack` */
export function drainSum({ maxTokenTtlMs, clockSkewMs, drainMs }: Drain): string {
  const parts = { tokens: maxTokenTtlMs, skew: clockSkewMs, slack: drainMs - maxTokenTtlMs - clockSkewMs };
  return Object.entries(parts)
    .map(([name, ms]) => `${exactly(ms)} ${name}`)
    .join(' + ');
}

/** @returns such as `3m 30s (20s tokens + 1m skew + 2m 10s slack)` */
export function drainText(drain: Drain): string {
  return `${exactly(drain.drainMs)} (${drainSum(drain)})`;
}

/**
 * @param ms of a rotation under way: an edit of the spec may only lengthen it
 * @returns as {@link drainText}, if it is what the spec says now
 */
export function drainTextOf(drain: Drain, ms: number): string {
  return ms === drain.drainMs ? drainText(drain) : exactly(ms);
}

/** A sum must come out right, so nothing is left out of a long one. */
function exactly(ms: number): string {
  return formatDuration(ms, 4);
}
