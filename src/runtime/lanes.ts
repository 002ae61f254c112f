/**
 * Waiting keys by priority. Of equal ones, namespaces take turns, however many keys each has; those of one namespace go in
 * order of arrival.
 */
import { splitKey } from './store.ts';

/** Which key is next. A key is in one lane at most. */
export class Lanes<K extends string> {
  /** By priority, then by namespace. The namespace whose turn it is comes first; a Set keeps the order of arrival. */
  readonly #lanes = new Map<number, Map<string, Set<K>>>();
  readonly #run: number;
  /** The namespace that got the last key, and how many it got in this turn. */
  #turn: string | undefined;
  #given = 0;

  /** @param run how many keys a namespace gets in its turn */
  constructor(run = 1) {
    this.#run = run;
  }

  add(key: K, priority: number): void {
    const lane = this.#lanes.get(priority) ?? new Map<string, Set<K>>();
    const namespace = namespaceOf(key);
    this.#lanes.set(priority, lane.set(namespace, (lane.get(namespace) ?? new Set<K>()).add(key)));
  }

  delete(key: K, priority: number): void {
    const lane = this.#lanes.get(priority);
    const namespace = namespaceOf(key);
    const keys = lane?.get(namespace);
    keys?.delete(key);
    if (keys?.size === 0) lane?.delete(namespace);
    if (lane?.size === 0) this.#lanes.delete(priority);
  }

  /** @returns the highest priority of a key that waits; minus infinity if none does */
  highest(): number {
    return Math.max(...this.#lanes.keys());
  }

  /** @returns the next key, which stays until it is deleted; after `run` keys of a namespace it is another's turn */
  next(least: number): K | undefined {
    const highest = this.highest();
    const lane = highest < least ? undefined : this.#lanes.get(highest);
    const [turn] = lane ?? [];
    const [key] = turn?.[1] ?? [];
    if (lane === undefined || turn === undefined) return undefined;
    const [namespace] = turn;
    this.#given = namespace === this.#turn ? this.#given + 1 : 1;
    this.#turn = namespace;
    if (this.#given >= this.#run) {
      this.#given = 0;
      lane.delete(namespace);
      lane.set(...turn);
    }
    return key;
  }

  clear(): void {
    this.#lanes.clear();
  }
}

function namespaceOf(key: string): string {
  return splitKey(key).namespace ?? '';
}
