/** Limits repetitions: lets a burst through, then one in a while, however often they come. */
import type { Clock } from './clock.ts';

const BURST = 5;
const REFILL_MS = 30_000;
const MAX_KEYS = 4_096;

interface Bucket {
  readonly tokens: number;
  /** Monotonic, milliseconds. */
  readonly at: number;
  readonly withheld: number;
}

/** Counts by key. */
export class TokenBuckets {
  readonly #clock: Clock;
  /** In order of last use, so that the least recently used are dropped first. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @returns how many were withheld since the last admitted one, if this one is admitted; undefined if not */
  admit(key: string): number | undefined {
    const now = this.#clock.monotonic();
    const known = this.#buckets.get(key) ?? { tokens: BURST, at: now, withheld: 0 };
    const tokens = Math.min(BURST, known.tokens + (now - known.at) / REFILL_MS);
    const admitted = tokens >= 1;
    this.#keep(key, {
      tokens: admitted ? tokens - 1 : tokens,
      at: now,
      withheld: admitted ? 0 : known.withheld + 1,
    });
    return admitted ? known.withheld : undefined;
  }

  #keep(key: string, bucket: Bucket): void {
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    for (const [oldest] of this.#buckets) {
      if (this.#buckets.size <= MAX_KEYS) return;
      this.#buckets.delete(oldest);
    }
  }
}
