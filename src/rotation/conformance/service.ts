/**
 * One service at an address, asked from this machine.
 */
import { systemClock } from '../../runtime/clock.ts';
import { type Asked, CanarySender } from '../secret/canary-sender.ts';
import { destroyAll } from '../secret/keys.ts';
import { askConformance } from './ask.ts';
import { type Judged, judged } from './judge.ts';
import type { ServiceKeys } from './tokens.ts';

/** Long enough for a slow service. A service that does not answer at all is given up earlier. */
const BUDGET_MS = 60_000;

/**
 * Sends one request for each token, and one without a token.
 *
 * @param keys are overwritten afterwards
 */
export async function judgeService(asked: Asked, keys: ServiceKeys): Promise<readonly Judged[]> {
  const sender = new CanarySender(systemClock);
  const options = { sender, withoutExpiry: true, budgetMs: BUDGET_MS, now: systemClock.now };
  try {
    return judged(await askConformance(asked, keys, options));
  } finally {
    await sender.close();
    destroyAll([keys.signing, ...keys.fallbacks].map(({ material }) => material));
  }
}
