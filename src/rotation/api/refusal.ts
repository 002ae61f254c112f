/**
 * Effects that were refused, that failed, or that no watch shows: what rekey remembers of each, and when it may try again.
 * The memory may be lost at any moment: then rekey tries the effect once, and it is refused again.
 */
import type { KubeError, KubeErrorCode, RefusalCause } from '../../kube/errors.ts';
import { exponential } from '../../runtime/backoff.ts';

/**
 * Budget: a PodDisruptionBudget refused. Outrun: somebody else was faster, or the world had changed. Both usually pass.
 * Undone: the effect was made and is wanted again, so somebody has taken it back. Unseen: the effect was made on a pod,
 * and no watch shows it yet. Failed: the API server did not answer, or with an error that says nothing of the effect, so it may
 * have been made.
 */
export type Cause = RefusalCause | 'Budget' | 'Outrun' | 'Undone' | 'Unseen' | 'Failed';

/** An effect that was refused, and why. */
export interface Refused {
  /** As {@link Refusal.effect}. */
  readonly effect: string;
  readonly cause: Cause;
  readonly by?: string;
  /** The uid of the pod, if the effect is on one. */
  readonly pod?: string;
  readonly said: string;
  /** Nobody answered in time. */
  readonly late?: true;
}

/**
 * An effect that was refused or failed and was not made since, or that no watch shows. Times are those of the facts, milliseconds
 * since the epoch.
 */
export interface Refusal extends Refused {
  /** Identifies the effect, such as `write stage` or `restart Deployment/api`. */
  readonly effect: string;
  /** The quota, policy or webhook that refuses. */
  readonly by?: string;
  /** The API server's answer, for people. */
  readonly said: string;
  /** How often in a row it was refused, or failed; or how often it was made. */
  readonly count: number;
  /** How often it was made, whatever came between. */
  readonly made: number;
  readonly since: number;
  /** When it was tried last. */
  readonly triedAt: number;
  /** The earliest time of the next try, whatever wakes the resource. */
  readonly retryAt: number;
}

interface Pauses {
  readonly baseMs: number;
  readonly capMs: number;
}

const LASTING: Pauses = { baseMs: 1_000, capMs: 300_000 };
/** No watch reports when a right is given or a budget allows, and trying is the cheapest way to find out. */
const ASKED: Pauses = { baseMs: 1_000, capMs: 15_000 };
const OUTRUN: Pauses = { baseMs: 50, capMs: 15_000 };
/** Restarting a workload more often does not help against somebody who takes restarts back. */
const UNDONE: Pauses = { baseMs: 15_000, capMs: 3_600_000 };
/** The watch shows a change of a pod and wakes the resource. Repeating the effect earlier is useless. */
const UNSEEN: Pauses = { baseMs: 5_000, capMs: 60_000 };
/** Longest pause in an emergency, except between restarts that somebody takes back: each restart disturbs. */
const URGENT_MS = 15_000;
/** Shortest pause before a try, if people change the resource too often. */
export const SOON_MS = 15_000;
/** Answers, or their absence, that do not say whether the effect was made. */
const OPEN: readonly KubeErrorCode[] = ['Unauthorized', 'TooManyRequests', 'ServerError', 'Timeout', 'Unreachable'];

function pausesOf(cause: Cause): Pauses {
  if (cause === 'Rights' || cause === 'Budget') return ASKED;
  if (cause === 'Undone') return UNDONE;
  if (cause === 'Unseen') return UNSEEN;
  return cause === 'Outrun' ? OUTRUN : LASTING;
}

/** An effect of this cause was made, and has come to nothing. */
function isMade({ cause }: Refused): boolean {
  return cause === 'Undone' || cause === 'Unseen';
}

/**
 * What was made counts on, whatever comes between: each time disturbs. What was not made counts anew once it was.
 *
 * @param before the refusal of the same effect, if it was refused already
 * @param now when it was refused
 */
export function refusedAgain(before: Refusal | undefined, refused: Refused, now: number, urgent: boolean): Refusal {
  const last = before !== undefined && isMade(before) === isMade(refused) ? before : undefined;
  const made = (before?.made ?? 0) + (isMade(refused) ? 1 : 0);
  const count = isMade(refused) ? made : (last?.count ?? 0) + 1;
  const { baseMs, capMs } = pausesOf(refused.cause);
  const isHurried = urgent && refused.cause !== 'Undone';
  const pauseMs = exponential(baseMs, isHurried ? Math.min(capMs, URGENT_MS) : capMs, count - 1);
  return { ...refused, count, made, since: last?.since ?? now, triedAt: now, retryAt: now + pauseMs };
}

/**
 * @param again whether people have changed something often in the last minute
 * @returns the same refusal, to be tried at once, since its cause may be gone; else not sooner than 15 s after the last try. What
 *   was made and has come to nothing waits as before, since each try disturbs
 */
export function triedSoon(refusal: Refusal, again: boolean): Refusal {
  if (isMade(refusal)) return refusal;
  return { ...refusal, retryAt: again ? Math.min(refusal.retryAt, refusal.triedAt + SOON_MS) : 0 };
}

/** @returns undefined if the error is of the caller, or says that an object is gone: then the world has to be observed anew */
export function refusedBy(effect: string, error: KubeError): Refused | undefined {
  const { code, message: said } = error;
  if (code === 'Conflict' || code === 'AlreadyExists') return { effect, cause: 'Outrun', said };
  if (error.refusal !== undefined) return { effect, ...error.refusal, said };
  if (error.verb === 'evict' && code === 'TooManyRequests') return { effect, cause: 'Budget', said };
  const late = code === 'Timeout' && { late: true as const };
  return OPEN.includes(code) ? { effect, cause: 'Failed', said, ...late } : undefined;
}
