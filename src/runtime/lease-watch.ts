/** Wakes a waiting replica when the Lease is free, so that it need not wait for the next poll. */
import type { KubeClient } from '../kube/client.ts';
import { LEASES } from '../kube/types.ts';
import type { Clock } from './clock.ts';

/** A pause that others can end. */
export class AutoResetEvent {
  #isSet = false;
  #wake: (() => void) | undefined;

  /** Ends the current pause, or else the next one. */
  set(): void {
    this.#isSet = true;
    this.#wake?.();
  }

  /** Waits until it is set, the time is over or the signal aborts, whichever comes first. */
  async wait(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
    const pause = new AbortController();
    const end = () => pause.abort();
    this.#wake = end;
    signal.addEventListener('abort', end, { once: true });
    if (this.#isSet || signal.aborted) end();
    await clock.sleep(ms, pause.signal).catch(() => undefined);
    signal.removeEventListener('abort', end);
    this.#wake = undefined;
    this.#isSet = false;
  }
}

export interface LeaseWatchOptions {
  readonly client: Pick<KubeClient, 'watch'>;
  readonly clock: Clock;
  readonly namespace: string;
  readonly name: string;
}

const PAUSE_MS = 10_000;

/** Watches until the signal is aborted. Failures only cost time: the replica polls anyway. */
export async function watchForRelease(
  options: LeaseWatchOptions,
  released: AutoResetEvent,
  signal: AbortSignal,
): Promise<void> {
  const { client, clock, namespace, name } = options;
  const fieldSelector = `metadata.name=${name}`;
  while (!signal.aborted) {
    try {
      const start = { resourceVersion: '', timeoutSeconds: 300, signal };
      for await (const { type, object } of client.watch(LEASES, { namespace, fieldSelector, ...start })) {
        const free = type === 'DELETED' || (object.spec?.holderIdentity ?? '') === '';
        if (free && type !== 'BOOKMARK') released.set();
      }
    } catch {
      // The poll meets the same failure and logs it.
    }
    await clock.sleep(PAUSE_MS, signal).catch(() => undefined);
  }
}
