/** Limits repetitions: lets a burst through, then one in a while, however often they come. */
import type { Clock } from './clock.ts';

const MAX_KEYS = 4_096;

export interface TokenBucketsOptions {
  /** So many are admitted at once. Default 5. */
  readonly burst?: number;
  /** Then one in this time. Default 30 s. */
  readonly refillMs?: number;
}

interface Bucket {
  readonly tokens: number;
  /** Monotonic, milliseconds. */
  readonly at: number;
  readonly withheld: number;
}

/** Counts by key. */
export class TokenBuckets {
  readonly #clock: Clock;
  readonly #burst: number;
  readonly #refillMs: number;
  /** In order of last use, so that the least recently used are dropped first. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(clock: Clock, { burst = 5, refillMs = 30_000 }: TokenBucketsOptions = {}) {
    this.#clock = clock;
    this.#burst = burst;
    this.#refillMs = refillMs;
  }

  /** @returns how many were withheld since the last admitted one, if this one is admitted; undefined if not */
  admit(key: string): number | undefined {
    const now = this.#clock.monotonic();
    const known = this.#buckets.get(key) ?? { tokens: this.#burst, at: now, withheld: 0 };
    const tokens = Math.min(this.#burst, known.tokens + (now - known.at) / this.#refillMs);
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
