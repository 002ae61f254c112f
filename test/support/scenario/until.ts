import { setTimeout as sleep } from 'node:timers/promises';

/** How long to wait, and how often to look. */
export interface Patience {
  /** Default 240,000: a busy machine is no failure. */
  readonly timeoutMs?: number;
  /** Default 400. */
  readonly everyMs?: number;
  /** Instead of a sleep between two looks. */
  readonly pause?: (everyMs: number) => Promise<unknown>;
}

/**
 * Asks again and again until there is an answer. What `look` throws is the caller's business at once.
 *
 * @param what a sentence for the error, such as "all pods are ready"
 * @param look gives undefined or false as long as it is not so
 * @param last tells in the error how things stood in the end
 */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined | false>,
  { timeoutMs = 240_000, everyMs = 400, pause = sleep }: Patience = {},
  last: () => string = () => '',
): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (Date.now() >= deadline) {
      const detail = last();
      throw new Error(`not within ${timeoutMs / 1000} s: ${what}${detail === '' ? '' : ` (${detail})`}`);
    }
    await pause(everyMs);
  }
}
