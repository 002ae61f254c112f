/**
 * Effects that were refused, or were done and do not show: what is remembered of each, and when it may be tried again. It may be lost at any moment: then
 * the effect is tried once, and refused again.
 */
import type { KubeError, RefusalCause } from '../../kube/errors.ts';
import { exponential } from '../../runtime/backoff.ts';

/**
 * Budget: a PodDisruptionBudget. Outrun: somebody else was faster, or the world had changed. Both pass, as a rule. Undone: it was
 * done, and is wanted again, so somebody has taken it back. Unseen: it was done to a pod, and no watch has told of it yet.
 */
export type Cause = RefusalCause | 'Budget' | 'Outrun' | 'Undone' | 'Unseen';

/** What came of one effect that was refused. */
export interface Refused {
  /** As {@link Refusal.effect}. */
  readonly effect: string;
  readonly cause: Cause;
  readonly by?: string;
  /** The uid of the pod that it is about. */
  readonly pod?: string;
  readonly said: string;
}

/** An effect that was refused and not done since, or that was done and is not seen. Times are those of the facts, milliseconds since the epoch. */
export interface Refusal extends Refused {
  /** What was tried, so that the same is known again, such as `write stage` or `restart Deployment/api`. */
  readonly effect: string;
  /** The quota, policy or webhook that refuses. */
  readonly by?: string;
  /** The API server's answer, for people. */
  readonly said: string;
  /** How often in a row. */
  readonly count: number;
  readonly since: number;
  /** Not before it is tried again, whatever wakes the resource. */
  readonly retryAt: number;
}

interface Pauses {
  readonly baseMs: number;
  readonly capMs: number;
}

const LASTING: Pauses = { baseMs: 1_000, capMs: 300_000 };
/** Nobody tells when a right is given or a budget allows, and the try is the cheapest question. */
const ASKED: Pauses = { baseMs: 1_000, capMs: 15_000 };
const OUTRUN: Pauses = { baseMs: 50, capMs: 15_000 };
/** To restart a workload again and again is no way to win against whoever takes the restart back. */
const UNDONE: Pauses = { baseMs: 15_000, capMs: 3_600_000 };
/** What changes a pod is seen when its watch tells, which wakes the resource. To do it again before is of no use. */
const UNSEEN: Pauses = { baseMs: 5_000, capMs: 60_000 };
/** In an emergency no pause is longer, but between restarts that somebody takes back: each one disturbs. */
const URGENT_MS = 15_000;

function pausesOf(cause: Cause): Pauses {
  if (cause === 'Rights' || cause === 'Budget') return ASKED;
  if (cause === 'Undone') return UNDONE;
  if (cause === 'Unseen') return UNSEEN;
  return cause === 'Outrun' ? OUTRUN : LASTING;
}

/**
 * @param before the refusal of the same effect, if it was refused already
 * @param now when it was refused
 */
export function refusedAgain(before: Refusal | undefined, refused: Refused, now: number, urgent: boolean): Refusal {
  const count = (before?.count ?? 0) + 1;
  const { baseMs, capMs } = pausesOf(refused.cause);
  const isHurried = urgent && refused.cause !== 'Undone';
  const pauseMs = exponential(baseMs, isHurried ? Math.min(capMs, URGENT_MS) : capMs, count - 1);
  return { ...refused, count, since: before?.since ?? now, retryAt: now + pauseMs };
}

/** @returns the same refusal, to be tried at once: what it rested on may have changed */
export function triedAtOnce(refusal: Refusal): Refusal {
  return { ...refusal, count: 0, retryAt: 0 };
}

/** @returns undefined if the effect was not refused: it failed, and whether it was done is not known perhaps */
export function refusedBy(effect: string, error: KubeError): Refused | undefined {
  if (error.code === 'Conflict' || error.code === 'AlreadyExists') {
    return { effect, cause: 'Outrun', said: error.message };
  }
  return error.refusal && { effect, ...error.refusal, said: error.message };
}
