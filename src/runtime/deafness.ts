/** Whether a leader hears nothing of what it serves, although the API server renews its Lease. */
import type { Clock } from './clock.ts';

/** A leader that is deaf for so long gives its Lease away. It is longer than readiness allows, since a watch may come back. */
const DEAF_MS = 300_000;
const LOOK_MS = 10_000;

export interface Hearing {
  readonly clock: Clock;
  /** Since anything was heard. Infinity before the first: another replica would be no better off where the type is not served. */
  readonly silentSeconds: () => number;
}

/**
 * Counts from the call, so that two replicas that are both deaf take turns slowly.
 *
 * @returns true once it was deaf for too long, false when the signal is aborted
 */
export async function goesDeaf({ clock, silentSeconds }: Hearing, signal: AbortSignal): Promise<boolean> {
  const since = clock.monotonic();
  while (!signal.aborted) {
    await clock.sleep(LOOK_MS, signal).catch(() => undefined);
    const silentMs = silentSeconds() * 1_000;
    const isDeaf = Number.isFinite(silentMs) && Math.min(silentMs, clock.monotonic() - since) > DEAF_MS;
    if (isDeaf && !signal.aborted) return true;
  }
  return false;
}
