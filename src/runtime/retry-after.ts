/**
 * The header Retry-After: seconds, or a date (RFC 9110 section 10.2.3).
 */

/**
 * @param now milliseconds since the epoch
 * @returns milliseconds to wait; 0 if it cannot be parsed
 */
export function retryAfterMs(header: string | readonly string[] | undefined, now: number): number {
  const text = typeof header === 'string' ? header : (header?.[0] ?? '');
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1_000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? 0 : Math.max(at - now, 0);
}
