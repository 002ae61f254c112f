/**
 * The clock of the API server, by the Date header of its answers. What rekey compares with times that the API server has
 * written is this clock, never that of the machine it runs on.
 *
 * A header has whole seconds, cut off, and is made between the sending of the request and the arrival of the answer. So
 * each answer says between which two times the server's clock was, and several together say it more exactly.
 */
import type { RequestObservation } from '../kube/requester.ts';
import type { Clock } from './clock.ts';

const HEADER_STEP_MS = 1_000;

/** Between which two times, milliseconds since the epoch, the server's clock is now. */
export interface ServerTime {
  readonly earliest: number;
  readonly latest: number;
}

/** What time it is at the API server, by the Date headers of its answers. */
export class ServerClock {
  readonly #clock: Clock;
  /** The server's clock less our monotonic one: a step of our wall clock does not matter. */
  #base: ServerTime | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** To be answer of every answer. */
  observe({ serverDateMs, seconds }: Pick<RequestObservation, 'serverDateMs' | 'seconds'>): void {
    if (serverDateMs === undefined) return;
    const received = this.#clock.monotonic();
    const answer = {
      earliest: serverDateMs - received,
      latest: serverDateMs + HEADER_STEP_MS - (received - seconds * 1000),
    };
    const both = this.#base && {
      earliest: Math.max(this.#base.earliest, answer.earliest),
      latest: Math.min(this.#base.latest, answer.latest),
    };
    // one of the clocks was set, or has drifted: the newest answer counts
    this.#base = both !== undefined && both.earliest <= both.latest ? both : answer;
  }

  /** @returns whole milliseconds, as all times that are written; undefined before the first answer that has told it */
  time(): ServerTime | undefined {
    if (this.#base === undefined) return undefined;
    const passed = this.#clock.monotonic();
    const { earliest, latest } = this.#base;
    return { earliest: Math.floor(earliest + passed), latest: Math.ceil(latest + passed) };
  }

  /** @returns the server's clock less ours, milliseconds, give or take a second; undefined before the first answer */
  offsetMs(): number | undefined {
    const time = this.time();
    return time && Math.round((time.earliest + time.latest) / 2 - this.#clock.now());
  }
}

/** @returns what time it is at the API server; the time of our own clock until the API server has answered once */
export function serverTime(serverClock: Pick<ServerClock, 'time'>, clock: Pick<Clock, 'now'>): ServerTime {
  const known = serverClock.time();
  if (known !== undefined) return known;
  const now = clock.now();
  return { earliest: now, latest: now };
}
