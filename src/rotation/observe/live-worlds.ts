/**
 * Shares the reads of a namespace among the resources that need them at the same time. Whoever asks gets a read that
 * begins after the question, so it is as fresh as one of its own. A read begins a turn of the event loop after the question: those who ask
 * in the same turn share it.
 */
import type { World } from './world.ts';

interface Reading {
  readonly current: Promise<World>;
  /** Whether somebody who asks now would get what was read before. */
  begun: boolean;
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
    if (!reading.begun) return reading.current;
    reading.next ??= reading.current.then(
      () => this.#start(namespace),
      () => this.#start(namespace),
    );
    return reading.next;
  }

  #start(namespace: string): Promise<World> {
    const current = new Promise((resolve) => setImmediate(resolve)).then(() => {
      reading.begun = true;
      return this.#read(namespace);
    });
    const reading: Reading = { current, begun: false };
    this.#readings.set(namespace, reading);
    const end = () => {
      // with a next one, that has taken the place
      if (reading.next === undefined) this.#readings.delete(namespace);
    };
    current.then(end, end);
    return current;
  }
}
