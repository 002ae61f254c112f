/**
 * Whether calls to the API server are answered, judged by the calls that are made anyway.
 *
 * No call is no evidence: what has not been asked for a while is not said to fail.
 */
import type { RequestObservation } from '../kube/requester.ts';
import type { Clock } from './clock.ts';

/** For so long no call may have been answered. Longer than one call with all its tries. */
const FAILING_MS = 30_000;
/** A failure that is older says nothing of now. */
const RECENT_MS = 60_000;

/** Tells whether the API server answers. */
export class Contact {
  readonly #clock: Pick<Clock, 'monotonic'>;
  #failingSince: number | undefined;
  #failedAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** To be told of every try. A refusal is an answer; a failure of the server is none. */
  observe({ code, seconds }: Pick<RequestObservation, 'code' | 'seconds'>): void {
    if (code !== '<error>' && Number(code) < 500) {
      this.#failingSince = undefined;
      return;
    }
    this.#failedAt = this.#clock.monotonic();
    this.#failingSince ??= this.#failedAt - seconds * 1_000;
  }

  /** @returns why the server cannot be relied on now; undefined if nothing speaks against it */
  failure(): string | undefined {
    const now = this.#clock.monotonic();
    if (this.#failingSince === undefined || now - this.#failedAt > RECENT_MS) return undefined;
    const failingMs = now - this.#failingSince;
    return failingMs > FAILING_MS ? `no call was answered for ${Math.round(failingMs / 1_000)} s` : undefined;
  }
}
