/** When a reflector lists again: after a while, and after a stream that broke. */
import { Backoff } from './backoff.ts';
import type { Clock } from './clock.ts';

/** Between two lists because of broken streams: a list of a large cluster is much work for the server. */
const BROKEN_MS = 60_000;
/** Between two lists that the server refuses, milliseconds. Meanwhile there is a watch. */
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
  #dueAt = 0;
  #refusedUntil = Number.NEGATIVE_INFINITY;
  /** Before that time no broken stream leads to a list. */
  #notBefore = Number.NEGATIVE_INFINITY;

  constructor(options: ListTimesOptions) {
    const { relistMs: capMs } = options;
    this.#options = options;
    this.#breaks = new Backoff({ ...options, baseMs: BROKEN_MS, capMs, resetAfterMs: 3 * capMs });
    const refused = { baseMs: REFUSED_MS, capMs: REFUSED_CAP_MS, resetAfterMs: 3 * REFUSED_CAP_MS };
    this.#refusals = new Backoff({ ...options, ...refused });
  }

  /** Whether the server has just refused a list. */
  get areRefused(): boolean {
    return this.#options.clock.monotonic() < this.#refusedUntil;
  }

  /** Milliseconds until the next list; not positive if it is due. */
  get leftMs(): number {
    return this.#dueAt - this.#options.clock.monotonic();
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

  /** The server has answered that it cannot list. Whatever made the list due, the next one comes after a pause, from half a minute to five. */
  refused(): void {
    this.#refusedUntil = this.#options.clock.monotonic() + this.#refusals.next();
    this.#dueAt = this.#refusedUntil;
  }
}
