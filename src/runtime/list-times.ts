/** When a reflector lists again: after a while, and after a stream that broke. */
import { Backoff } from './backoff.ts';
import type { Clock } from './clock.ts';

/** Between two lists because of broken streams: a list of a large cluster is much work for the server. */
const BROKEN_MS = 60_000;
/** Between two lists that the server refuses and somebody waits for, milliseconds. */
const ASKED_MS = 2_000;
const ASKED_CAP_MS = 30_000;
/** Between two others that the server refuses. Meanwhile there is a watch. */
const REFUSED_MS = 30_000;
const REFUSED_CAP_MS = 300_000;

export interface ListTimesOptions {
  readonly clock: Clock;
  /** From 0 to 1, for jitter. */
  readonly random: () => number;
  /** Time between two lists, milliseconds. */
  readonly relistMs: number;
}

/** The first list is due at once. */
export class ListTimes {
  readonly #options: ListTimesOptions;
  readonly #breaks: Backoff;
  readonly #refusals: Backoff;
  readonly #askedRefusals: Backoff;
  #dueAt = 0;
  #refusedUntil = Number.NEGATIVE_INFINITY;
  /** Before that time none that somebody asks for. */
  #askedAt = Number.NEGATIVE_INFINITY;
  /** Before that time no broken stream leads to a list. */
  #notBefore = Number.NEGATIVE_INFINITY;

  constructor(options: ListTimesOptions) {
    const { relistMs: capMs } = options;
    this.#options = options;
    this.#breaks = new Backoff({ ...options, baseMs: BROKEN_MS, capMs, resetAfterMs: 3 * capMs });
    const refused = { baseMs: REFUSED_MS, capMs: REFUSED_CAP_MS, resetAfterMs: 3 * REFUSED_CAP_MS };
    this.#refusals = new Backoff({ ...options, ...refused });
    const asked = { baseMs: ASKED_MS, capMs: ASKED_CAP_MS, resetAfterMs: 3 * ASKED_CAP_MS };
    this.#askedRefusals = new Backoff({ ...options, ...asked });
  }

  /**
   * @param isAsked whether somebody waits for the next list
   * @returns milliseconds until it; not positive if it is due
   */
  leftMs(isAsked: boolean): number {
    const dueAt = isAsked ? Math.min(this.#dueAt, this.#askedAt) : this.#dueAt;
    return dueAt - this.#options.clock.monotonic();
  }

  /** Somebody waits for a list: refusals of others do not delay it. */
  asked(): void {
    this.#askedAt = Number.NEGATIVE_INFINITY;
  }

  listed(): void {
    const { clock, random, relistMs } = this.#options;
    this.#dueAt = clock.monotonic() + relistMs * (0.9 + random() / 5);
    this.#refusedUntil = Number.NEGATIVE_INFINITY;
  }

  /** Makes a list due now. If streams break again and again, in pauses that grow from a minute to `relistMs`. */
  broke(): void {
    const at = Math.max(this.#options.clock.monotonic(), this.#notBefore, this.#refusedUntil);
    if (at >= this.#dueAt) return;
    this.#dueAt = at;
    this.#notBefore = at + this.#breaks.next();
  }

  /** The server has answered that it cannot list. Whatever made the list due, the next one comes after a pause: from half a minute to five, or two seconds to half a minute if somebody waits for it. */
  refused(): void {
    const now = this.#options.clock.monotonic();
    this.#refusedUntil = now + this.#refusals.next();
    this.#askedAt = now + this.#askedRefusals.next();
    this.#dueAt = this.#refusedUntil;
  }
}
