/**
 * The drain time: how long an old key is accepted after the last container that could sign with it is gone. It is a
 * sum, and people always see its parts together with its length.
 */
import { formatDuration } from '../schedule/duration.ts';

/** Parts of the drain time, milliseconds. */
export interface Drain {
  readonly maxTokenTtlMs: number;
  readonly clockSkewMs: number;
  /** The sum: maxTokenTTL + clockSkew + slack. */
  readonly drainMs: number;
}

/** Twice the error of the Date header of an answer, plus the rounding of `exp` to whole seconds, rounded up. */
const MIN_SLACK_MS = 10_000;

/**
 * The default slack: a quarter of the life of a token, for tokens that live longer than the spec says. It is at least
 * the time by which the clock that measures the drain can run ahead unnoticed. rekey finds a wrong clock (`ClockSkew`)
 * if it differs from a second one by more than the skew, so it may move by twice the skew. See
 * docs/adr/0022-slack-in-proportion.md.
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
 * @param ms drain of a rotation under way: an edit of the spec may only lengthen it
 * @returns as {@link drainText}, if it is what the spec says now
 */
export function drainTextOf(drain: Drain, ms: number): string {
  return ms === drain.drainMs ? drainText(drain) : exactly(ms);
}

/** A sum must be exact, so this keeps all units. */
function exactly(ms: number): string {
  return formatDuration(ms, 4);
}
