/** Width of one slot, in milliseconds: nothing runs earlier than its time, and at most this much later by design. */
const SLOT_MS = 10;

/**
 * A timer wheel: thousands of due times on the caller's one timer, so that stopping clears them all at once.
 * Knows no clock; the caller passes the time in.
 */
export class Schedule {
  readonly #slots = new Map<number, (() => void)[]>();
  #next: number;

  /** @param now in milliseconds, like every time below */
  constructor(now: number) {
    this.#next = slotOf(now);
  }

  /** Runs `action` once, in the first {@link run} that reaches `time`. A time that has passed counts as now. */
  at(time: number, action: () => void): void {
    const slot = Math.max(slotOf(time), this.#next);
    const actions = this.#slots.get(slot);
    if (actions === undefined) this.#slots.set(slot, [action]);
    else actions.push(action);
  }

  /**
   * Runs everything that is due, in the order of time.
   *
   * @returns how late the oldest action ran
   */
  run(now: number): number {
    let lateness = 0;
    const end = Math.floor(now / SLOT_MS);
    while (this.#next <= end) {
      const slot = this.#next++;
      const actions = this.#slots.get(slot);
      if (actions === undefined) continue;
      this.#slots.delete(slot);
      lateness = Math.max(lateness, now - slot * SLOT_MS);
      for (const action of actions) action();
    }
    return lateness;
  }
}

/** Rounds up: the slot begins when the time has come. */
function slotOf(time: number): number {
  return Math.ceil(time / SLOT_MS);
}
