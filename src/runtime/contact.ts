/**
 * Whether the API server answers, judged by the calls that are made anyway.
 *
 * Without calls there is no evidence, so it does not report a failure then.
 */
import type { RequestObservation } from '../kube/requester.ts';
import type { Clock } from './clock.ts';

/** A failure is reported after this time without an answer. It is longer than one call with all its retries. */
const FAILING_MS = 30_000;
/** An older failure proves nothing about now. */
const RECENT_MS = 60_000;

/** Reports whether the API server answers. */
export class Contact {
  readonly #clock: Pick<Clock, 'monotonic'>;
  #failingSince: number | undefined;
  #failedAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** Call this with every try. A refusal is an answer, a failure of the server is not. */
  observe({ code, seconds }: Pick<RequestObservation, 'code' | 'seconds'>): void {
    if (code !== '<error>' && Number(code) < 500) {
      this.#failingSince = undefined;
      return;
    }
    this.#failedAt = this.#clock.monotonic();
    this.#failingSince ??= this.#failedAt - seconds * 1_000;
  }

  /** @returns why the server cannot be relied on now; undefined if there is no such evidence */
  failure(): string | undefined {
    const now = this.#clock.monotonic();
    if (this.#failingSince === undefined || now - this.#failedAt > RECENT_MS) return undefined;
    const failingMs = now - this.#failingSince;
    return failingMs > FAILING_MS ? `no call was answered for ${Math.round(failingMs / 1_000)} s` : undefined;
  }
}
