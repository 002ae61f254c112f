/**
 * A time limit and the caller's signal as one AbortSignal.
 */
import type { Timing } from './timing.ts';

/** The reason of a signal that was aborted because the time was up, not by the caller. */
export class DeadlineExceeded extends Error {
  override readonly name = 'DeadlineExceeded';
  readonly limitMs: number;

  constructor(limitMs: number) {
    super(`no answer within ${limitMs / 1000} s`);
    this.limitMs = limitMs;
  }
}

/**
 * Limits the time of a piece of work, and can be extended while the work makes progress. Always dispose it: otherwise a
 * listener would leak on a signal that lives as long as the process.
 */
export class Deadline {
  #limitMs: number;
  readonly #controller = new AbortController();
  readonly #clock: Timing;
  readonly #caller: AbortSignal | undefined;
  readonly #onCaller = () => this.#controller.abort(this.#caller?.reason);
  #timer: { cancel(): void };
  #due: number;

  constructor(clock: Timing, limitMs: number, caller?: AbortSignal) {
    this.#limitMs = limitMs;
    this.#clock = clock;
    this.#caller = caller;
    this.#due = clock.monotonic() + limitMs;
    this.#timer = this.#arm();
    if (caller?.aborted) this.#onCaller();
    caller?.addEventListener('abort', this.#onCaller, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get limitMs(): number {
    return this.#limitMs;
  }

  remainingMs(): number {
    return Math.max(0, this.#due - this.#clock.monotonic());
  }

  /** Starts the limit again, or a different one. */
  extend(limitMs = this.#limitMs): void {
    this.#limitMs = limitMs;
    this.#due = this.#clock.monotonic() + limitMs;
  }

  dispose(): void {
    this.#timer.cancel();
    this.#caller?.removeEventListener('abort', this.#onCaller);
  }

  /** Uses one timer for each limit, not one for each extension: if it fires early, it waits for the rest. */
  #arm(): { cancel(): void } {
    return this.#clock.setTimeout(() => {
      if (this.remainingMs() > 0) this.#timer = this.#arm();
      else this.#controller.abort(new DeadlineExceeded(this.limitMs));
    }, this.remainingMs());
  }
}

/** @returns the result of the promise, or rejects with the signal's reason; the promise itself continues unobserved */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
