/**
 * Ends the process after a signal, step by step, each with a time limit.
 *
 * The order for an operator: become unready, stop taking work and drain it, release the lease, stop HTTP, send the last
 * Events, write out the log. Then let the process end by itself: `process.exit()` would lose log lines on a pipe.
 */
import { constants } from 'node:os';
import type { Clock } from './clock.ts';
import type { Logger } from './log.ts';

type StopSignal = 'SIGTERM' | 'SIGINT';

/** The needed part of `process`. */
export interface SignalSource {
  on(signal: StopSignal, listener: () => void): unknown;
  off(signal: StopSignal, listener: () => void): unknown;
  exit(code: number): unknown;
}

export interface StopSignals {
  /** Aborted at the first SIGTERM or SIGINT. */
  readonly signal: AbortSignal;
  /** Restores Node's default for the signals. */
  dispose(): void;
}

/** The first signal starts the stop, the second one exits at once with 128 + its number (143 or 130). */
export function onStopSignals(source: SignalSource, log: Logger): StopSignals {
  const stop = new AbortController();
  const listeners = (['SIGTERM', 'SIGINT'] as const).map((name) => {
    const listener = () => {
      if (stop.signal.aborted) {
        source.exit(128 + constants.signals[name]);
        return;
      }
      log.info('stopping', { signal: name });
      stop.abort(new Error(`received ${name}`));
    };
    source.on(name, listener);
    return () => source.off(name, listener);
  });
  return {
    signal: stop.signal,
    dispose: () => {
      for (const remove of listeners) remove();
    },
  };
}

export interface StopStep {
  readonly name: string;
  readonly limitMs: number;
  /** @param signal aborted at the time limit; then the next step starts, whatever this one does */
  run(signal: AbortSignal): unknown;
}

/**
 * Runs the steps in order. A step that fails or takes too long does not stop the next ones.
 *
 * @returns names of the steps that failed or timed out
 */
export async function runStopSteps(
  steps: readonly StopStep[],
  { clock, log }: { readonly clock: Clock; readonly log: Logger },
): Promise<readonly string[]> {
  const failed: string[] = [];
  for (const step of steps) {
    const error = await failureOf(step, clock);
    if (error === undefined) continue;
    failed.push(step.name);
    log.warn('a stop step failed', { step: step.name, error });
  }
  return failed;
}

async function failureOf({ limitMs, run }: StopStep, clock: Clock): Promise<unknown> {
  const limit = new AbortController();
  const late = Promise.withResolvers<never>();
  const timer = clock.setTimeout(() => {
    const error = new Error(`not done within ${limitMs} ms`);
    limit.abort(error);
    late.reject(error);
  }, limitMs);
  try {
    await Promise.race([run(limit.signal), late.promise]);
    return undefined;
  } catch (error) {
    return error ?? new Error('failed');
  } finally {
    timer.cancel();
  }
}
