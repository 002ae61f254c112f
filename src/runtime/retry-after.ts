/**
 * The header Retry-After: seconds, or a date (RFC 9110 section 10.2.3).
 */

/** Nobody waits longer for a service or a receiver because it asks for it: the answer may be a mistake. */
const MAX_MS = 300_000;

/**
 * @param now milliseconds since the epoch
 * @returns milliseconds to wait, five minutes at most; 0 if it cannot be parsed
 */
export function retryAfterMs(header: string | readonly string[] | undefined, now: number): number {
  const text = typeof header === 'string' ? header : (header?.[0] ?? '');
  if (/^\d{1,9}$/.test(text)) return Math.min(Number(text) * 1_000, MAX_MS);
  const at = Date.parse(text);
  return Number.isNaN(at) ? 0 : Math.min(Math.max(at - now, 0), MAX_MS);
}
