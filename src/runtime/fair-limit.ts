/** Runs so many pieces of work at once at most. Of those that wait, the higher priority goes first, and of equal ones groups take turns. */
import { Lanes } from './lanes.ts';

/** A group cannot keep the others out, however much work it has. */
export class FairLimit {
  readonly #most: number;
  readonly #lanes = new Lanes({ groupOf });
  readonly #waiting = new Map<string, { readonly priority: number; readonly begin: () => void }>();
  #running = 0;
  #count = 0;

  constructor(most: number) {
    this.#most = most;
  }

  /**
   * @param group of the work, such as a namespace
   * @returns what the work returns
   * @throws what it throws
   */
  async run<T>(group: string, priority: number, work: () => Promise<T>): Promise<T> {
    await this.#turn(group, priority);
    try {
      return await work();
    } finally {
      this.#running -= 1;
      this.#beginNext();
    }
  }

  #turn(group: string, priority: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#count += 1;
    const key = `${this.#count} ${group}`;
    this.#waiting.set(key, { priority, begin: resolve });
    this.#lanes.add(key, priority);
    this.#beginNext();
    return promise;
  }

  #beginNext(): void {
    if (this.#running >= this.#most) return;
    const key = this.#lanes.next(Number.NEGATIVE_INFINITY);
    const next = key === undefined ? undefined : this.#waiting.get(key);
    if (key === undefined || next === undefined) return;
    this.#lanes.delete(key, next.priority);
    this.#waiting.delete(key);
    this.#running += 1;
    next.begin();
  }
}

function groupOf(key: string): string {
  return key.slice(key.indexOf(' ') + 1);
}
