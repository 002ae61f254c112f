/**
 * Things to be sent, each belonging to a key: those of one key one after another in their order, those of different keys
 * a few at a time, and every key in its turn. So one slow key does not hold up the others.
 */
export interface OutboxOptions<T> {
  /** Sendings at the same time. */
  readonly senders: number;
  /** Most that wait, of all keys together. */
  readonly most: number;
  /** Must not reject. */
  readonly send: (item: T) => Promise<void>;
}

/** Items that wait to be sent, at most so many. */
export class Outbox<T> {
  readonly #options: OutboxOptions<T>;
  /** Never empty queues, by key, in the order of their turns. */
  readonly #queues = new Map<string, T[]>();
  readonly #sending = new Set<string>();
  readonly #idle: (() => void)[] = [];
  #waiting = 0;

  constructor(options: OutboxOptions<T>) {
    this.#options = options;
  }

  /** Those that wait, not counting those that are on their way. */
  get waiting(): number {
    return this.#waiting;
  }

  /** @returns what was thrown away for it: the oldest of the key whose turn is next, if there were too many */
  add(key: string, item: T): T | undefined {
    const dropped = this.#waiting >= this.#options.most ? this.#takeFirst() : undefined;
    const queue = this.#queues.get(key);
    if (queue === undefined) this.#queues.set(key, [item]);
    else queue.push(item);
    this.#waiting += 1;
    this.#pump();
    return dropped;
  }

  /** @returns when nothing waits and nothing is on its way */
  idle(): Promise<void> {
    if (this.#waiting === 0 && this.#sending.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }

  /** Throws away all that waits. @returns how many */
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

  /** At most as many keys are passed over as there are senders. */
  #nextKey(): string | undefined {
    for (const key of this.#queues.keys()) if (!this.#sending.has(key)) return key;
    return undefined;
  }

  #takeFirst(): T | undefined {
    const [key] = this.#queues.keys();
    return key === undefined ? undefined : this.#take(key);
  }

  /** The oldest of a key, which then goes to the end of the row. */
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
