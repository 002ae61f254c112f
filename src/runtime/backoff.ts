/**
 * Growing pauses after failures.
 */
import type { Clock } from './clock.ts';

export interface BackoffOptions {
  readonly clock: Clock;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly baseMs: number;
  readonly capMs: number;
  /** After this time without a failure the pauses start from the base again. */
  readonly resetAfterMs: number;
}

/**
 * Doubles pauses from base to cap, each reduced by up to half at random, so that clients do not come back at the same
 * time.
 */
export class Backoff {
  readonly #options: BackoffOptions;
  #failures = 0;
  #lastFailure = Number.NEGATIVE_INFINITY;

  constructor(options: BackoffOptions) {
    this.#options = options;
  }

  /** Counts a failure. @returns milliseconds to wait */
  next(): number {
    const { clock, random, baseMs, capMs, resetAfterMs } = this.#options;
    const now = clock.monotonic();
    if (now - this.#lastFailure > resetAfterMs) this.#failures = 0;
    this.#lastFailure = now;
    const pauseMs = exponential(baseMs, capMs, this.#failures);
    this.#failures += 1;
    return pauseMs * (1 - random() / 2);
  }

  /** Begins from the base again: what failed so far says nothing of what comes. */
  reset(): void {
    this.#failures = 0;
  }
}

/** @returns base · 2^n, at most the cap; never overflows */
export function exponential(baseMs: number, capMs: number, n: number): number {
  return Math.min(capMs, baseMs * 2 ** Math.min(n, 64));
}
