/**
 * Sends items that belong to keys. The items of one key are sent one after another in order, different keys in parallel
 * within a limit, and every key gets its turn. So one slow key does not delay the others.
 */
export interface OutboxOptions<T> {
  /** Parallel sendings. */
  readonly senders: number;
  /** Most waiting items, of all keys together. */
  readonly most: number;
  /** Must not reject. */
  readonly send: (item: T) => Promise<void>;
}

/** A bounded queue of items to send. */
export class Outbox<T> {
  readonly #options: OutboxOptions<T>;
  /** Queues by key in the order of their turns; none of them is empty. */
  readonly #queues = new Map<string, T[]>();
  readonly #sending = new Set<string>();
  readonly #idle: (() => void)[] = [];
  #waiting = 0;

  constructor(options: OutboxOptions<T>) {
    this.#options = options;
  }

  /** The number of waiting items, without those being sent. */
  get waiting(): number {
    return this.#waiting;
  }

  /** @returns the dropped item, if there were too many: the oldest of the key whose turn is next */
  add(key: string, item: T): T | undefined {
    const dropped = this.#waiting >= this.#options.most ? this.#takeFirst() : undefined;
    const queue = this.#queues.get(key);
    if (queue === undefined) this.#queues.set(key, [item]);
    else queue.push(item);
    this.#waiting += 1;
    this.#pump();
    return dropped;
  }

  /** @returns when nothing waits and nothing is being sent */
  idle(): Promise<void> {
    if (this.#waiting === 0 && this.#sending.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Drops all waiting items. @returns how many */
  clear(): number {
    const cleared = this.#waiting;
    this.#queues.clear();
    this.#waiting = 0;
    this.#settle();
    return cleared;
  }

  #pump(): void {
    while (this.#sending.size < this.#options.senders) {
      const key = this.#nextKey();
      if (key === undefined) return;
      const item = this.#take(key);
      if (item === undefined) return;
      this.#sending.add(key);
      void this.#options.send(item).finally(() => {
        this.#sending.delete(key);
        this.#pump();
        this.#settle();
      });
    }
  }

  /** Skips at most as many keys as there are senders. */
  #nextKey(): string | undefined {
    for (const key of this.#queues.keys()) if (!this.#sending.has(key)) return key;
    return undefined;
  }

  #takeFirst(): T | undefined {
    const [key] = this.#queues.keys();
    return key === undefined ? undefined : this.#take(key);
  }

  /** Takes the oldest item of a key, and moves the key to the end. */
  #take(key: string): T | undefined {
    const queue = this.#queues.get(key) ?? [];
    const item = queue.shift();
    if (item !== undefined) this.#waiting -= 1;
    this.#queues.delete(key);
    if (queue.length > 0) this.#queues.set(key, queue);
    return item;
  }

  #settle(): void {
    if (this.#waiting > 0 || this.#sending.size > 0) return;
    for (const resolve of this.#idle.splice(0)) resolve();
  }
}
