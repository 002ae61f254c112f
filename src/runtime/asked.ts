/** Those who wait for a piece of work that begins after they asked. */
export class Asked {
  #waiting: (() => void)[] = [];

  get some(): boolean {
    return this.#waiting.length > 0;
  }

  /** Resolves when work that began later has succeeded. */
  wait(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    return promise;
  }

  /** Does the work for those who have asked so far. If it fails, they go on waiting. */
  async serve(work: () => Promise<void>): Promise<void> {
    const served = this.#waiting.splice(0);
    try {
      await work();
    } catch (error) {
      this.#waiting.unshift(...served);
      throw error;
    }
    for (const resolve of served) resolve();
  }

  /** Lets all go, because there is nothing to wait for any more. */
  release(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }
}
