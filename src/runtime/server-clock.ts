/**
 * The clock of the API server, by the Date header of its answers: a second witness of what the time is.
 *
 * The header has whole seconds and is as old as the answer took, so it is right to within a second or two.
 */
import type { RequestObservation } from '../kube/requester.ts';
import type { Clock } from './clock.ts';

export class ServerClock {
  readonly #clock: Clock;
  #offsetMs: number | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** To be told of every answer. */
  observe({ serverDateMs }: RequestObservation): void {
    if (serverDateMs !== undefined) this.#offsetMs = serverDateMs - this.#clock.now();
  }

  /** @returns the server's clock less ours by its last answer, milliseconds; undefined before the first */
  offsetMs(): number | undefined {
    return this.#offsetMs;
  }
}
