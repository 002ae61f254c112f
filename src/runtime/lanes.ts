/**
 * Waiting keys by priority. Of equal ones, groups take turns, however many keys each has; those of one group go in order of
 * arrival.
 */
import { splitKey } from './store.ts';

export interface LanesOptions {
  /** How many keys a group gets in its turn. Default 1. */
  readonly run?: number | undefined;
  /** Who takes turns. By default the namespace of a key `namespace/name`. */
  readonly groupOf?: (key: string) => string;
  /** Lets lower priorities have a share: absent, the highest one goes first always. */
  readonly share?: Share | undefined;
}

/** While the highest priority that waits is lower than `below`, one key in `oneIn` is of the next lower one, and now and then of the lowest. */
export interface Share {
  readonly below: number;
  readonly oneIn: number;
}

/** Which key is next. A key is in one lane at most. */
export class Lanes<K extends string> {
  /** By priority, then by group. The group whose turn it is comes first; a Set keeps the order of arrival. */
  readonly #lanes = new Map<number, Map<string, Set<K>>>();
  readonly #run: number;
  readonly #groupOf: (key: string) => string;
  readonly #share: Share | undefined;
  /** The group that got the last key, and how many it got in this turn. */
  #turn: string | undefined;
  #given = 0;
  /** Keys that were handed out while a lower priority waited. */
  #shared = 0;

  constructor({ run = 1, groupOf = namespaceOf, share }: LanesOptions = {}) {
    this.#run = run;
    this.#groupOf = groupOf;
    this.#share = share;
  }

  add(key: K, priority: number): void {
    const lane = this.#lanes.get(priority) ?? new Map<string, Set<K>>();
    const group = this.#groupOf(key);
    this.#lanes.set(priority, lane.set(group, (lane.get(group) ?? new Set<K>()).add(key)));
  }

  delete(key: K, priority: number): void {
    const lane = this.#lanes.get(priority);
    const group = this.#groupOf(key);
    const keys = lane?.get(group);
    keys?.delete(key);
    if (keys?.size === 0) lane?.delete(group);
    if (lane?.size === 0) this.#lanes.delete(priority);
  }

  /** @returns the highest priority of a key that waits; minus infinity if none does */
  highest(): number {
    return Math.max(...this.#lanes.keys());
  }

  /** @returns the next key, which stays until it is deleted; after `run` keys of a group it is another's turn */
  next(least: number): K | undefined {
    const lane = this.#lanes.get(this.#priorityFrom(least));
    const [turn] = lane ?? [];
    const [key] = turn?.[1] ?? [];
    if (lane === undefined || turn === undefined) return undefined;
    const [group] = turn;
    this.#given = group === this.#turn ? this.#given + 1 : 1;
    this.#turn = group;
    if (this.#given >= this.#run) {
      this.#given = 0;
      lane.delete(group);
      lane.set(...turn);
    }
    return key;
  }

  /** @returns that of the next key, at least this one; one that no key has if none waits */
  #priorityFrom(least: number): number {
    const waiting = [...this.#lanes.keys()].filter((priority) => priority >= least).sort((a, b) => b - a);
    const [highest = Number.NaN, lower] = waiting;
    // who finds nothing to choose from has no part in the count
    if (this.#share === undefined || lower === undefined || highest >= this.#share.below) return highest;
    const { oneIn } = this.#share;
    this.#shared += 1;
    if (this.#shared % oneIn !== 0) return highest;
    return this.#shared % (oneIn * oneIn) === 0 ? (waiting.at(-1) ?? lower) : lower;
  }

  clear(): void {
    this.#lanes.clear();
  }
}

function namespaceOf(key: string): string {
  return splitKey(key).namespace ?? '';
}
