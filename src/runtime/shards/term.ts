/**
 * One shard that this replica wants, from the wait for its Lease to the release:
 *
 * | state   | Lease | objects are kept | resources are reconciled |
 * |---------|-------|------------------|--------------------------|
 * | Waiting | no    | no               | no                       |
 * | Listing | yes   | yes              | no: the list is not complete |
 * | Serving | yes   | yes              | yes                      |
 * | Leaving | yes   | yes              | no: passes under way end |
 * | Left    | is given away | no       | no                       |
 */
import { aborted } from '../aborted.ts';
import type { Clock } from '../clock.ts';
import { type ElectionEnd, LeaderElector, type LeaderElectorOptions } from '../lease.ts';
import type { Logger } from '../log.ts';

export interface TermOptions extends Omit<LeaderElectorOptions, 'onStartedLeading'> {
  readonly clock: Clock;
  readonly log: Logger;
  /** Resolves when what this shard needs was listed, by a list that began after the call. */
  readonly onHeld: () => Promise<void>;
  /** Called when resources may be reconciled. */
  readonly onServing: () => void;
  /** Resolves when nothing is written for this shard in the background. */
  readonly idle: () => Promise<void>;
  /** Called when its objects are needed no more. */
  readonly onLeft: () => void;
}

export type TermState = 'Waiting' | 'Listing' | 'Serving' | 'Leaving' | 'Left';

/** As long as a whole replica has to stop: see controller.ts. */
const DRAIN_MS = 20_000;

/** A replica has one for each shard that it wants. It is not used again. */
export class Term {
  readonly #options: TermOptions;
  readonly #elector: LeaderElector;
  readonly #stop = new AbortController();
  readonly #passes = new Set<Promise<unknown>>();
  /** Resolves when the Lease is given away or lost; `lost`: the process must end. */
  readonly ended: Promise<ElectionEnd>;
  /** When it got the Lease, monotonic; undefined before. */
  heldSince: number | undefined;
  #state: TermState = 'Waiting';
  #leaving: Promise<void> | undefined;

  constructor(options: TermOptions) {
    this.#options = options;
    this.#elector = new LeaderElector({ ...options, onStartedLeading: (term) => void this.#serve(term) });
    this.ended = this.#elector.run(this.#stop.signal).then((end) => {
      this.#become('Left');
      return end;
    });
  }

  get state(): TermState {
    return this.#state;
  }

  /** Whether its objects are kept. */
  get keeps(): boolean {
    return this.#state !== 'Waiting' && this.#state !== 'Left';
  }

  /** @throws NotLeadingError */
  assertLeading(): void {
    this.#elector.assertLeading();
  }

  /** For readiness. @returns why its Lease cannot be taken */
  failure(): string | undefined {
    return this.#elector.failure();
  }

  /** Runs a pass, and waits for it before the Lease is given away. */
  async pass<T>(run: () => Promise<T>): Promise<T> {
    const running = run();
    this.#passes.add(running);
    try {
      return await running;
    } finally {
      this.#passes.delete(running);
    }
  }

  /** Ends the work, and then gives the Lease away. */
  leave(): Promise<void> {
    this.#leaving ??= this.#leave();
    return this.#leaving;
  }

  /** Gives the Lease away at once: the work has ended. */
  async release(): Promise<void> {
    this.#stop.abort();
    await this.ended;
  }

  async #leave(): Promise<void> {
    if (this.keeps) {
      this.#become('Leaving');
      await this.#drain();
    }
    await this.release();
  }

  async #serve(term: AbortSignal): Promise<void> {
    if (this.#stop.signal.aborted) return;
    this.heldSince = this.#options.clock.monotonic();
    this.#become('Listing');
    await Promise.race([this.#options.onHeld(), aborted(term)]);
    if (term.aborted || this.state !== 'Listing') return;
    this.#become('Serving');
    this.#options.onServing();
  }

  /** What does not end in this time is left to the conditions of the writes: from the release on, none is begun. */
  async #drain(): Promise<void> {
    const { clock, log, name } = this.#options;
    const idle = async () => {
      while (this.#passes.size > 0) await Promise.allSettled(this.#passes);
      await this.#options.idle();
      return true;
    };
    const limit = new AbortController();
    const late = clock.sleep(DRAIN_MS, limit.signal).then(
      () => false,
      () => true,
    );
    const isIdle = await Promise.race([idle(), late]);
    limit.abort();
    if (!isIdle) log.warn('work was still under way when a shard was given away', { lease: name, drainMs: DRAIN_MS });
  }

  #become(state: TermState): void {
    const kept = this.keeps;
    this.#state = state;
    if (kept && !this.keeps) this.#options.onLeft();
  }
}
