import { accepts } from '../traffic/client.ts';
import { until } from './until.ts';

interface Asked {
  readonly pod: string;
  readonly url: string;
}

/**
 * Asks pods whether they accept a token, until each of those that are there has answered: one that is asked in its last moments never
 * does, and is not there the next time.
 *
 * @returns those that accept it
 */
export async function acceptingPods(
  endpoints: () => Promise<readonly Asked[]>,
  token: string,
): Promise<readonly string[]> {
  return until('each pod has given a verdict', async () => {
    const asked = await endpoints();
    const answers = await Promise.all(asked.map(async ({ pod, url }) => ({ pod, answer: await accepts(url, token) })));
    if (answers.some(({ answer }) => answer === 'unknown')) return undefined;
    return answers.filter(({ answer }) => answer === 'accepted').map(({ pod }) => pod);
  });
}
