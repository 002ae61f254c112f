/** Limits how many callers proceed in parallel. The others wait in the order of their arrival. */
export class Gate {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  /** @param places from 1 */
  constructor(places: number) {
    this.#free = places;
  }

  /**
   * Waits for a place. An aborted signal ends the wait without one.
   *
   * @returns the function that gives the place back; calling it again does nothing
   */
  async enter(signal?: AbortSignal): Promise<() => void> {
    if (signal?.aborted) return () => undefined;
    if (this.#free > 0) {
      this.#free -= 1;
      return this.#leaver();
    }
    return new Promise((resolve) => {
      const onAbort = () => {
        this.#waiting.splice(this.#waiting.indexOf(admit), 1);
        resolve(() => undefined);
      };
      const admit = () => {
        signal?.removeEventListener('abort', onAbort);
        resolve(this.#leaver());
      };
      signal?.addEventListener('abort', onAbort, { once: true });
      this.#waiting.push(admit);
    });
  }

  #leaver(): () => void {
    let inside = true;
    return () => {
      if (!inside) return;
      inside = false;
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    };
  }
}
