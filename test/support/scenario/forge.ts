import { accepts } from '../traffic/client.ts';
import { signToken } from '../traffic/tokens.ts';
import type { PodWatch } from './watchPods.ts';

/** Forged tokens under way. */
export interface Forgery {
  /** Ends it. @returns when a pod last accepted one, in milliseconds since the epoch; 0 if none did */
  stop(): Promise<number>;
}

/**
 * Asks every pod without pause whether it accepts a token signed with the key, as who has the key would: over new
 * connections, Terminating pods too.
 *
 * @param everyMs pause between two rounds
 */
export function forge(pods: PodWatch, key: string, everyMs = 50): Forgery {
  let lastAccepted = 0;
  const stop = new AbortController();
  const asking = (async () => {
    while (!stop.signal.aborted) {
      const token = await signToken({ key, issuer: 'remotehive', audience: 'remotehive' });
      const answers = pods.endpoints().map(async ({ url }) => {
        if ((await accepts(url, token)) === 'accepted') lastAccepted = Date.now();
      });
      await Promise.all(answers);
      await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
  })();
  return {
    stop: async () => {
      stop.abort();
      await asking;
      return lastAccepted;
    },
  };
}
