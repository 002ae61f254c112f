/** Runs one piece of work after the other, within this process. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs when all that came before has ended, however it has. */
  take<T>(run: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(run);
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}
