/** What an emergency does not wait for. */
import type { Clock } from '../../runtime/clock.ts';

const LOOK_MS = 250;

/**
 * @param isUrgent whether something has come up that goes first
 * @param work ends soon once the signal is aborted
 * @returns what it gives
 */
export async function cutOffBy<T>(
  clock: Clock,
  isUrgent: () => boolean,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const cut = new AbortController();
  const look = (): void => {
    if (isUrgent()) cut.abort();
    else timer = clock.setTimeout(look, LOOK_MS);
  };
  let timer = clock.setTimeout(look, LOOK_MS);
  try {
    return await work(cut.signal);
  } finally {
    timer.cancel();
  }
}

/** @returns what the work gives, or `late` after this time: then the work goes on, and only its failure is told */
export async function within<T>(
  clock: Clock,
  ms: number,
  work: Promise<T>,
  late: T,
  onError: (error: unknown) => void,
): Promise<T> {
  const over = Promise.withResolvers<T>();
  let isLate = false;
  const timer = clock.setTimeout(() => {
    isLate = true;
    over.resolve(late);
  }, ms);
  work.then(over.resolve, (error: unknown) => (isLate ? onError(error) : over.reject(error)));
  return over.promise.finally(() => timer.cancel());
}
