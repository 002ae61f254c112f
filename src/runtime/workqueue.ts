/**
 * A queue of keys with the semantics of client-go's workqueue:
 *
 * - A waiting key is in the queue once, however often it is added.
 * - A key is never handed out twice at the same time. If it is added meanwhile, it comes again after `done`.
 * - `addRateLimited` waits longer with each failure, until `forget`.
 *
 * It also has priorities: the highest goes first, but for the share of lower ones. Of equal ones, namespaces take turns, however many keys each has; those
 * of one namespace go in order of arrival. While a key of the priority `first.least` waits or is processed, none below it is
 * handed out: see {@link Precedence} for the bound of that.
 *
 * @see https://github.com/kubernetes/client-go/tree/master/util/workqueue
 */
import { exponential } from './backoff.ts';
import type { Timer } from './clock.ts';
import { Lanes } from './lanes.ts';
import { Precedence } from './precedence.ts';
import type { AddOptions, WorkQueueOptions } from './workqueue-options.ts';

/** Who waits for a key. */
interface Getter<K> {
  readonly least: number;
  readonly resolve: (key: K | undefined) => void;
}

interface Queued {
  readonly priority: number;
  readonly since: number;
}

interface Delayed {
  readonly priority: number;
  readonly due: number;
  readonly timer: Timer;
}

/** The queue of one process. Keys are lost with the process, so it must be possible to fill it again. */
export class WorkQueue<K extends string = string> {
  readonly #options: WorkQueueOptions;
  readonly #random: () => number;
  readonly #lanes: Lanes<K>;
  readonly #queued = new Map<K, Queued>();
  readonly #processing = new Map<K, Queued>();
  /** Added while being processed. */
  readonly #dirty = new Map<K, Queued>();
  readonly #delayed = new Map<K, Delayed>();
  readonly #failures = new Map<K, number>();
  readonly #getters: Getter<K>[] = [];
  readonly #idle = Promise.withResolvers<void>();
  readonly #precedence: Precedence;
  #shutDown = false;
  /** When a key was last handed out, or came to wait in an empty queue; monotonic. */
  #movedAt = 0;

  constructor(options: WorkQueueOptions) {
    this.#options = options;
    this.#lanes = new Lanes({ run: options.run, share: options.share });
    this.#random = options.random ?? Math.random;
    const { clock, first } = options;
    this.#precedence = new Precedence({ clock, mostMs: first?.mostMs ?? 0, onEnd: () => this.#serve() });
    options.metrics?.observe(() => this.#observeProcessing());
  }

  /** Keys that wait to be handed out. */
  get length(): number {
    return this.#queued.size;
  }

  /** @returns when work on this key may go on: at once if it is what goes first, or when that is over or has had its time */
  turnOf(key: K): Promise<void> {
    const isFirst = this.#isFirst(this.#processing.get(key)) || this.#isFirst(this.#dirty.get(key));
    return isFirst ? Promise.resolve() : this.#precedence.over();
  }

  /** @returns for how long keys have waited without one being handed out, milliseconds */
  stillFor(): number {
    return this.length === 0 ? 0 : this.#options.clock.monotonic() - this.#movedAt;
  }

  /** @returns for how long a key is being processed at most, milliseconds */
  longestMs(): number {
    return this.#observeProcessing().longestSeconds * 1_000;
  }

  /** Adds a key at once. A waiting key keeps its place unless the priority is higher. */
  add(key: K, { priority = 0 }: AddOptions = {}): void {
    if (this.#shutDown) return;
    const running = this.#processing.has(key);
    const known = (running ? this.#dirty : this.#queued).get(key);
    if (known === undefined) this.#options.metrics?.added();
    else if (known.priority >= priority) return;
    const entry = { priority, since: known?.since ?? this.#options.clock.monotonic() };
    if (running) this.#dirty.set(key, entry);
    else this.#enqueue(key, entry);
    this.#letFirst();
  }

  /** Adds a key after a delay. If it is added several times, the earliest counts. */
  addAfter(key: K, ms: number, { priority = 0 }: AddOptions = {}): void {
    if (this.#shutDown) return;
    if (!(ms > 0)) {
      this.add(key, { priority });
      return;
    }
    const due = this.#options.clock.monotonic() + ms;
    const known = this.#delayed.get(key);
    const highest = Math.max(priority, known?.priority ?? priority);
    if (known !== undefined && known.due <= due) {
      this.#delayed.set(key, { ...known, priority: highest });
      return;
    }
    known?.timer.cancel();
    const timer = this.#options.clock.setTimeout(() => this.#ripen(key), ms);
    this.#delayed.set(key, { due, timer, priority: highest });
  }

  /** Adds a key after a pause that grows with each failure. It keeps the priority with which it was handed out. */
  addRateLimited(key: K, { priority = this.#processing.get(key)?.priority ?? 0 }: AddOptions = {}): void {
    const failures = this.numRequeues(key);
    this.#failures.set(key, failures + 1);
    this.#options.metrics?.retried();
    const { baseDelayMs = 5, maxDelayMs = 300_000, first } = this.#options;
    const mostMs = this.#isFirst({ priority }) ? (first?.maxDelayMs ?? maxDelayMs) : maxDelayMs;
    this.addAfter(key, exponential(baseDelayMs, mostMs, failures) * (1 - this.#random() / 4), { priority });
  }

  /** Resets the count of failures. */
  forget(key: K): void {
    this.#failures.delete(key);
  }

  /** Failures in a row. */
  numRequeues(key: K): number {
    return this.#failures.get(key) ?? 0;
  }

  /**
   * @param least takes no key of a lower priority
   * @returns the next key, to be returned with {@link done}; undefined once the queue is shut down
   */
  get(least = Number.NEGATIVE_INFINITY): Promise<K | undefined> {
    const key = this.#next(least);
    if (key !== undefined || this.#shutDown) return Promise.resolve(key);
    return new Promise((resolve) => this.#getters.push({ least, resolve }));
  }

  /** Marks the key as processed. If it was added meanwhile, it waits again. */
  done(key: K): void {
    const running = this.#processing.get(key);
    if (running === undefined) return;
    this.#processing.delete(key);
    this.#options.metrics?.worked(this.#secondsSince(running.since));
    const again = this.#dirty.get(key);
    this.#dirty.delete(key);
    if (again !== undefined && !this.#shutDown) this.#enqueue(key, again);
    this.#letFirst();
    this.#settleIfIdle();
  }

  /**
   * Stops the queue: it takes no more keys and hands out none, or with `drain` only those that wait now.
   *
   * @returns when all keys that were handed out are done
   */
  shutDown({ drain = false }: { readonly drain?: boolean } = {}): Promise<void> {
    this.#shutDown = true;
    for (const { timer } of this.#delayed.values()) timer.cancel();
    this.#delayed.clear();
    this.#dirty.clear();
    if (!drain) {
      this.#queued.clear();
      this.#lanes.clear();
      this.#options.metrics?.depth(0);
    }
    this.#letFirst();
    for (const { resolve } of this.#getters.splice(0)) resolve(undefined);
    this.#settleIfIdle();
    return this.#idle.promise;
  }

  #ripen(key: K): void {
    const delayed = this.#delayed.get(key);
    this.#delayed.delete(key);
    if (delayed !== undefined) this.add(key, { priority: delayed.priority });
  }

  #enqueue(key: K, entry: Queued): void {
    this.#leaveLane(key);
    if (this.length === 0) this.#movedAt = this.#options.clock.monotonic();
    this.#queued.set(key, entry);
    this.#lanes.add(key, entry.priority);
    this.#options.metrics?.depth(this.length);
    this.#letFirst();
    this.#serve();
  }

  /** Hands keys to those who wait for one. */
  #serve(): void {
    for (const getter of [...this.#getters]) {
      const key = this.#next(getter.least);
      if (key === undefined) continue;
      this.#getters.splice(this.#getters.indexOf(getter), 1);
      getter.resolve(key);
    }
  }

  #letFirst(): void {
    const entries = [{ priority: this.#lanes.highest() }, ...this.#processing.values(), ...this.#dirty.values()];
    this.#precedence.update(!this.#shutDown && entries.some((entry) => this.#isFirst(entry)));
  }

  #isFirst(entry: Pick<Queued, 'priority'> | undefined): boolean {
    const { first } = this.#options;
    return first !== undefined && entry !== undefined && entry.priority >= first.least;
  }

  #leaveLane(key: K): void {
    const priority = this.#queued.get(key)?.priority;
    if (priority === undefined) return;
    this.#lanes.delete(key, priority);
    this.#queued.delete(key);
  }

  #next(least: number): K | undefined {
    const { first } = this.#options;
    const held = first !== undefined && this.#precedence.holds;
    const key = this.#lanes.next(held ? Math.max(least, first.least) : least);
    if (key === undefined) return undefined;
    this.#movedAt = this.#options.clock.monotonic();
    const { priority, since } = this.#queued.get(key) ?? { priority: 0, since: 0 };
    this.#leaveLane(key);
    this.#options.metrics?.waited(this.#secondsSince(since));
    this.#options.metrics?.depth(this.length);
    this.#processing.set(key, { priority, since: this.#options.clock.monotonic() });
    return key;
  }

  #settleIfIdle(): void {
    if (this.#shutDown && this.#processing.size === 0 && this.length === 0) this.#idle.resolve();
  }

  #secondsSince(time: number): number {
    return (this.#options.clock.monotonic() - time) / 1000;
  }

  #observeProcessing() {
    const seconds = [...this.#processing.values()].map(({ since }) => this.#secondsSince(since));
    return { unfinishedSeconds: seconds.reduce((a, b) => a + b, 0), longestSeconds: Math.max(0, ...seconds) };
  }
}
