/**
 * Shares the reads of a namespace among the resources that need them at the same time. Whoever asks gets a read that
 * begins after the question, so it is as fresh as one of its own.
 */
import type { World } from './world.ts';

interface Reading {
  readonly current: Promise<World>;
  /** Begins once the current one has ended. */
  next?: Promise<World>;
}

/** One instance serves all resources. */
export class LiveWorlds {
  readonly #read: (namespace: string) => Promise<World>;
  readonly #readings = new Map<string, Reading>();

  constructor(read: (namespace: string) => Promise<World>) {
    this.#read = read;
  }

  /** @throws what the read throws */
  of(namespace: string): Promise<World> {
    const reading = this.#readings.get(namespace);
    if (reading === undefined) return this.#start(namespace);
    reading.next ??= reading.current.then(
      () => this.#start(namespace),
      () => this.#start(namespace),
    );
    return reading.next;
  }

  #start(namespace: string): Promise<World> {
    const current = this.#read(namespace);
    const reading: Reading = { current };
    this.#readings.set(namespace, reading);
    const end = () => {
      // with a next one, that has taken the place
      if (reading.next === undefined) this.#readings.delete(namespace);
    };
    current.then(end, end);
    return current;
  }
}
