/**
 * When a resource is looked at again although nothing has happened. Such a look also finds a change of its Secret that no
 * watch tells, so its longest pause is the bound for that.
 */
import type { Facts } from '../facts.ts';
import type { Action, Decision } from '../plan/decision.ts';
import type { Need } from '../secret/secret-watches.ts';

/** The longest pause of a resource that does not rest, milliseconds. */
export const RESYNC_MS = 600_000;
/** The same if its Secret is not watched: there are too many. */
const UNWATCHED_MS = 60_000;
/** Resources at rest are looked at at this pace, so with more than a thousand of them the pause grows. */
const REST_PACE_MS = 600;
/** It does not grow beyond this. Otherwise rekey would report less than once an hour that it looks. */
const REST_MOST_MS = 1_800_000;
/** A look comes so much earlier at most, as part of the pause: those of a thousand resources do not come together. */
const SPREAD = 0.2;

/** @returns the longest pause between two looks at a resource at rest, milliseconds */
export function restPauseMs(resources: number): number {
  return Math.min(Math.max(RESYNC_MS, resources * REST_PACE_MS), REST_MOST_MS);
}

/** @returns how much it matters that a change of the Secret is heard of at once */
export function needOf({ phase, blocked, stalled, assessment }: Decision, { secret }: Facts): Need {
  if (assessment.emergency || phase === 'Burning') return 'Emergency';
  // what adopts a Secret is over before a watch would tell anything
  const moves = secret.kind === 'Managed' && phase !== 'Steady';
  return moves || (blocked ?? stalled) !== undefined ? 'Change' : 'Rest';
}

export interface Pause {
  readonly need: Need;
  readonly watched: boolean;
  readonly resources: number;
  /** From 0 to 1. */
  readonly random: number;
}

/** @returns the longest pause until the next look, milliseconds */
export function pauseMs({ need, watched, resources, random }: Pause): number {
  if (need !== 'Rest') return watched ? RESYNC_MS : UNWATCHED_MS;
  return restPauseMs(resources) * (1 - SPREAD * random);
}

/** @returns milliseconds until the time that the planner waits for; undefined if it waits for none */
export function waitMs(action: Extract<Action, { type: 'wait' | 'confirm' }>, now: number): number | undefined {
  if (action.type === 'confirm' || action.until === undefined) return undefined;
  return Math.max(action.until - now, 0);
}

/**
 * @returns milliseconds until a run counts as missed, so that rekey reports it at once and not some minutes later: the one that is due,
 *   or else the next one, which comes while something blocks it
 */
export function untilMissedMs({ settings: { cadence }, due, now }: Facts): number | undefined {
  const start = due.since ?? due.next;
  if (cadence.kind === 'Period' || start === undefined) return undefined;
  const left = start + cadence.startingDeadlineMs - now;
  return left < 0 ? undefined : left + 1;
}

/** @returns the earliest of the known times, and `most` if none is known */
export function earliest(most: number, ...times: readonly (number | undefined)[]): number {
  return Math.min(most, ...times.filter((time) => time !== undefined));
}
