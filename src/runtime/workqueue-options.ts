/** What a queue is made with, and what it tells. */
import type { Clock } from './clock.ts';
import type { Share } from './lanes.ts';

/** Metrics that dashboards know from client-go; times in seconds. */
export interface QueueMetrics {
  added(): void;
  retried(): void;
  depth(keys: number): void;
  waited(seconds: number): void;
  worked(seconds: number): void;
  /** Called once, with a function that reports the keys being processed. */
  observe(processing: () => { readonly unfinishedSeconds: number; readonly longestSeconds: number }): void;
}

export interface WorkQueueOptions {
  readonly clock: Clock;
  readonly metrics?: QueueMetrics;
  /** From 0 to 1, for jitter. */
  readonly random?: () => number;
  /** Pause after the first failure. Default 5 ms. */
  readonly baseDelayMs?: number;
  /** Longest pause after a failure. Default 5 min. */
  readonly maxDelayMs?: number;
  /** How many keys of a namespace are handed out before it is another's turn. Default 1. */
  readonly run?: number;
  /** Lets lower priorities have a share. Absent: the highest one goes first always. */
  readonly share?: Share;
  /**
   * Keys of this priority and above hold back the others, for so long in a row at most, and come again after a failure within
   * `maxDelayMs`. Absent: none does.
   */
  readonly first?: { readonly least: number; readonly mostMs: number; readonly maxDelayMs?: number };
}

export interface AddOptions {
  /** Higher goes first. Default 0. */
  readonly priority?: number | undefined;
}
