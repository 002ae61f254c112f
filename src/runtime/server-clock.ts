/**
 * The clock of the API server, by the Date header of its answers. rekey compares times that the API server has written
 * with this clock, never with that of its own machine.
 *
 * The header is rounded down to seconds, and is made between the sending of the request and the arrival of the answer.
 * So each answer limits the server's time to a range, and several answers narrow it.
 */
import type { RequestObservation } from '../kube/requester.ts';
import type { Clock } from './clock.ts';

const HEADER_STEP_MS = 1_000;

/** The range of the server's current time, milliseconds since the epoch. */
export interface ServerTime {
  readonly earliest: number;
  readonly latest: number;
}

/** What time it is at the API server, by the Date headers of its answers. */
export class ServerClock {
  readonly #clock: Clock;
  /** The server's clock minus our monotonic one, so that a step of our wall clock does not matter. */
  #base: ServerTime | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Call this with every answer. */
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
    // if the ranges do not overlap, a clock was set or has drifted, and the newest answer counts
    this.#base = both !== undefined && both.earliest <= both.latest ? both : answer;
  }

  /** @returns whole milliseconds, as all times that are written; undefined before the first answer with a Date */
  time(): ServerTime | undefined {
    if (this.#base === undefined) return undefined;
    const passed = this.#clock.monotonic();
    const { earliest, latest } = this.#base;
    return { earliest: Math.floor(earliest + passed), latest: Math.ceil(latest + passed) };
  }

  /** @returns the server's clock minus ours, milliseconds, accurate to a second; undefined before the first answer */
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
