/**
 * Lets urgent work go first: while there is some, nothing else is begun. This has a bound, so that a storm of it leaves the rest its
 * time: it holds for `mostMs` in a row at most, and then not again for as long as it has held. So it holds for half of the time at most.
 */
import type { Clock, Timer } from './clock.ts';

export interface PrecedenceOptions {
  readonly clock: Pick<Clock, 'monotonic' | 'setTimeout'>;
  readonly mostMs: number;
  /** Called when the rest may begin again. */
  readonly onEnd: () => void;
}

/** Of one queue. */
export class Precedence {
  readonly #options: PrecedenceOptions;
  #wanted = false;
  #since: number | undefined;
  /** Monotonic. */
  #freeUntil = Number.NEGATIVE_INFINITY;
  #timer: Timer | undefined;
  readonly #waiting: (() => void)[] = [];

  constructor(options: PrecedenceOptions) {
    this.#options = options;
  }

  /** Whether only urgent work may begin now. */
  get holds(): boolean {
    return this.#since !== undefined;
  }

  /** @returns when the rest may go on */
  over(): Promise<void> {
    return this.holds ? new Promise((resolve) => this.#waiting.push(resolve)) : Promise.resolve();
  }

  /** @param wanted whether urgent work waits or is under way */
  update(wanted: boolean): void {
    if (wanted === this.#wanted) return;
    this.#wanted = wanted;
    if (wanted) this.#begin();
    else this.#end();
  }

  #begin(): void {
    const { clock, mostMs } = this.#options;
    const now = clock.monotonic();
    if (now < this.#freeUntil) {
      this.#timer = clock.setTimeout(() => this.#begin(), this.#freeUntil - now);
      return;
    }
    this.#since = now;
    this.#timer = clock.setTimeout(() => this.#end(), mostMs);
  }

  #end(): void {
    this.#timer?.cancel();
    const since = this.#since;
    if (since === undefined) return;
    const now = this.#options.clock.monotonic();
    this.#since = undefined;
    this.#freeUntil = now + (now - since);
    if (this.#wanted) this.#begin();
    for (const goOn of this.#waiting.splice(0)) goOn();
    this.#options.onEnd();
  }
}
