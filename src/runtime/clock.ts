/** Time as a dependency, so that tests can control it. */

/** A call that will happen unless it is cancelled. Cancelling twice, or too late, does nothing. */
export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Wall clock, milliseconds since the epoch. It may jump: for due times, never for durations. */
  now(): number;
  /** Milliseconds from any start. It never goes back, and continues while the process is stopped. For durations. */
  monotonic(): number;
  /** Calls back once, after `ms` of the monotonic clock, however long that is. */
  setTimeout(callback: () => void, ms: number): Timer;
  /** @throws the signal's reason as soon as it is aborted */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** A Node timer beyond 2^31 - 1 ms (24.8 days) would fire at once. */
const LONGEST_TIMER_MS = 24 * 60 * 60 * 1000;

/** The clocks of the machine. */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimeout: (callback, ms) => longTimer(callback, ms),
  sleep: (ms, signal) => sleepWith((callback) => longTimer(callback, ms), signal),
};

/** Waits in steps of at most a day, so that the timer's range and a slow machine clock do not matter. */
function longTimer(callback: () => void, ms: number): Timer {
  const wait = Math.max(0, ms);
  const due = performance.now() + wait;
  const fire = () => {
    const left = due - performance.now();
    // Node's timers count whole milliseconds and may fire a fraction early.
    if (!(left >= 1)) callback();
    else handle = setTimeout(fire, Math.min(left, LONGEST_TIMER_MS));
  };
  let handle = setTimeout(fire, Math.min(wait, LONGEST_TIMER_MS));
  return { cancel: () => clearTimeout(handle) };
}

/**
 * A sleep made of a timer.
 *
 * @throws the signal's reason as soon as it is aborted; the timer is cancelled then
 */
export function sleepWith(start: (callback: () => void) => Timer, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) {
      reject(signal.reason);
      return;
    }
    const onAbort = () => {
      timer.cancel();
      reject(signal?.reason);
    };
    const timer = start(() => {
      signal?.removeEventListener('abort', onAbort);
      resolve();
    });
    signal?.addEventListener('abort', onAbort, { once: true });
  });
}
