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
 * connections, Terminating pods too. A pod that is slow to answer keeps no other from being asked.
 *
 * @param everyMs between two questions to a pod
 */
export function forge(pods: PodWatch, key: string, everyMs = 50): Forgery {
  let lastAccepted = 0;
  const underWay = new Map<string, Promise<void>>();
  const ask = async (uid: string, url: string): Promise<void> => {
    const token = await signToken({ key, issuer: 'remotehive', audience: 'remotehive' });
    if ((await accepts(url, token)) === 'accepted') lastAccepted = Date.now();
    underWay.delete(uid);
  };
  const timer = setInterval(() => {
    for (const { uid, url } of pods.endpoints()) if (!underWay.has(uid)) underWay.set(uid, ask(uid, url));
  }, everyMs);
  return {
    stop: async () => {
      clearInterval(timer);
      await Promise.all(underWay.values());
      return lastAccepted;
    },
  };
}
