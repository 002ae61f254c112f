import { type Clock, sleepWith, type Timer } from '../../../src/runtime/clock.ts';

interface Pending {
  readonly due: number;
  readonly callback: () => void;
}

/** A clock that stands still until a test moves it. Between two timers all promises that can go on do. */
export class FakeClock implements Clock {
  #wall = Date.UTC(2026, 10, 25, 10);
  #monotonic = 1_000;
  readonly #pending = new Set<Pending>();

  get timers(): number {
    return this.#pending.size;
  }

  now(): number {
    return this.#wall;
  }

  monotonic(): number {
    return this.#monotonic;
  }

  setTimeout(callback: () => void, ms: number): Timer {
    const timer = { due: this.#monotonic + Math.max(0, ms), callback };
    this.#pending.add(timer);
    return { cancel: () => this.#pending.delete(timer) };
  }

  sleep(ms: number, signal?: AbortSignal): Promise<void> {
    return sleepWith((callback) => this.setTimeout(callback, ms), signal);
  }

  /** Lets time pass, timer by timer. */
  async advance(ms: number): Promise<void> {
    const end = this.#monotonic + ms;
    for (;;) {
      await turn();
      const next = this.#nextUntil(end);
      if (next === undefined) break;
      this.#pass(next.due - this.#monotonic);
      this.#pending.delete(next);
      next.callback();
    }
    this.#pass(end - this.#monotonic);
    await turn();
  }

  /** Lets time pass while nothing runs, as SIGSTOP does. */
  freeze(ms: number): void {
    this.#pass(ms);
  }

  /** Sets the wall clock off, as an administrator does. */
  jump(ms: number): void {
    this.#wall += ms;
  }

  #pass(ms: number): void {
    const forward = Math.max(0, ms);
    this.#monotonic += forward;
    this.#wall += forward;
  }

  #nextUntil(end: number): Pending | undefined {
    let first: Pending | undefined;
    for (const timer of this.#pending) {
      if (timer.due <= end && (first === undefined || timer.due < first.due)) first = timer;
    }
    return first;
  }
}

/** Lets everything run that waits for nothing but its turn. */
export async function turn(): Promise<void> {
  for (let i = 0; i < 3; i += 1) await new Promise((resolve) => setImmediate(resolve));
}
