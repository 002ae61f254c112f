/** When a reflector lists again: after a while, and after a stream that broke. */
import { Backoff } from './backoff.ts';
import type { Clock } from './clock.ts';

/** Between two lists because of broken streams: a list of a large cluster is much work for the server. */
const BROKEN_MS = 60_000;

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
  #dueAt = 0;
  /** When the next list would be due if no stream had broken. */
  #regularAt = 0;
  /** Before that time no broken stream leads to a list. */
  #notBefore = Number.NEGATIVE_INFINITY;

  constructor(options: ListTimesOptions) {
    const { relistMs: capMs } = options;
    this.#options = options;
    this.#breaks = new Backoff({ ...options, baseMs: BROKEN_MS, capMs, resetAfterMs: 3 * capMs });
  }

  /** Milliseconds until the next list; not positive if it is due. */
  get leftMs(): number {
    return this.#dueAt - this.#options.clock.monotonic();
  }

  listed(): void {
    const { clock, random, relistMs } = this.#options;
    this.#dueAt = clock.monotonic() + relistMs * (0.9 + random() / 5);
    this.#regularAt = this.#dueAt;
  }

  /** Makes a list due now. If streams break again and again, in pauses that grow from a minute to `relistMs`. */
  broke(): void {
    const at = Math.max(this.#options.clock.monotonic(), this.#notBefore);
    if (at >= this.#dueAt) return;
    this.#dueAt = at;
    this.#notBefore = at + this.#breaks.next();
  }

  /** The server has answered that it cannot list. If only a stream that broke made the list due, the next one is not before its pause is over. */
  refused(): void {
    if (this.#dueAt >= this.#regularAt) return;
    this.#notBefore = Math.max(this.#notBefore, this.#options.clock.monotonic() + this.#breaks.next());
    this.#dueAt = Math.min(this.#regularAt, this.#notBefore);
  }
}
