/**
 * A time limit and the caller's signal as one AbortSignal.
 */
import type { Timing } from './timing.ts';

/** Why a signal was aborted: the time was up, not the caller's wish. */
export class DeadlineExceeded extends Error {
  override readonly name = 'DeadlineExceeded';
  readonly limitMs: number;

  constructor(limitMs: number) {
    super(`no answer within ${limitMs / 1000} s`);
    this.limitMs = limitMs;
  }
}

/**
 * Limits a piece of work in time; can be put off while the work shows life. Always dispose it: a listener on a signal
 * that lives as long as the process would leak.
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

  /** Starts the whole limit again, or from now on a longer one. */
  extend(limitMs = this.#limitMs): void {
    this.#limitMs = limitMs;
    this.#due = this.#clock.monotonic() + limitMs;
  }

  dispose(): void {
    this.#timer.cancel();
    this.#caller?.removeEventListener('abort', this.#onCaller);
  }

  /** One timer a limit, not one for each sign of life: when it fires early it goes on for the rest. */
  #arm(): { cancel(): void } {
    return this.#clock.setTimeout(() => {
      if (this.remainingMs() > 0) this.#timer = this.#arm();
      else this.#controller.abort(new DeadlineExceeded(this.limitMs));
    }, this.remainingMs());
  }
}

/** @returns what the promise gives, or rejects with the signal's reason; the promise itself goes on unheard */
export function abortable<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}
