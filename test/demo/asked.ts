import type { PodWatch } from '../support/scenario/watchPods.ts';
import { accepts } from '../support/traffic/client.ts';
import { signToken } from '../support/traffic/tokens.ts';

/** What the pods answered to a token that was signed with one key. */
export interface Asked {
  readonly pods: number;
  /** Names of the pods. */
  readonly accepted: readonly string[];
  readonly refused: readonly string[];
  readonly unknown: readonly string[];
}

/** Signs a fresh, otherwise good token with the key and asks every live pod for itself, over a new connection. */
export async function askEveryPod(pods: PodWatch, key: string): Promise<Asked> {
  const token = await signToken({ key, ttlSeconds: 60, issuer: 'remotehive', audience: 'remotehive' });
  const endpoints = pods.endpoints();
  const answers = await Promise.all(
    endpoints.map(async ({ pod, url }) => ({ pod, answer: await accepts(url, token) })),
  );
  const those = (wanted: string): string[] => answers.filter(({ answer }) => answer === wanted).map(({ pod }) => pod);
  return { pods: endpoints.length, accepted: those('accepted'), refused: those('refused'), unknown: those('unknown') };
}

/** @returns such as `all 7 pods` or `none of 7 pods` or `2 of 7 pods: main-…, admin-…` */
export function inWords(these: readonly string[], all: number): string {
  if (these.length === 0) return `none of ${all} pods`;
  if (these.length === all) return `all ${all} pods`;
  return `${these.length} of ${all} pods: ${these.join(', ')}`;
}
