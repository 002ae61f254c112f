/**
 * What may be done to a request, and to a line of a watch. Durations are milliseconds.
 */

/** The moment of a request at which its sender is struck. */
export type Position = 'before' | 'applied' | 'answered';

export type CallFault =
  /** The API server never hears of it; `status` is what the client reads. */
  | { readonly kind: 'answer'; readonly status: number; readonly reason: string; readonly retryAfterSeconds?: number }
  /** It is applied, and the client reads an error all the same. */
  | { readonly kind: 'applied-but'; readonly status: number; readonly reason: string }
  /** Nobody answers; the connection stays. */
  | { readonly kind: 'hang'; readonly applied: boolean }
  | { readonly kind: 'delay'; readonly ms: number; readonly of: 'request' | 'answer' }
  /** The client waits in vain; the request reaches the API server that much later, when nobody expects it any more. */
  | { readonly kind: 'late'; readonly ms: number }
  /** As a proxy on the way that tries again: the API server gets it twice, the client the second answer. */
  | { readonly kind: 'twice' }
  | { readonly kind: 'reset'; readonly applied: boolean }
  /** Half of the answer, then the end of the connection. */
  | { readonly kind: 'truncate' }
  /** The answer that this question had earlier. */
  | { readonly kind: 'past'; readonly back: number }
  /** SIGKILL to the sender. */
  | { readonly kind: 'kill'; readonly position: Position }
  /** SIGTERM to the sender; the request goes on, since it has time to end it. */
  | { readonly kind: 'term'; readonly position: Position }
  /** SIGSTOP to the sender, SIGCONT after `ms`. */
  | { readonly kind: 'stop'; readonly position: Position; readonly ms: number };

export type LineFault =
  /** The stream breaks before the line, within it, or ends well after it. */
  | { readonly kind: 'cut'; readonly where: 'before' | 'within' | 'after' }
  /** This line and all behind it come later. */
  | { readonly kind: 'hold'; readonly ms: number }
  /** The line never comes. After `ms` the stream ends with 410 Gone, so that the client looks afresh. */
  | { readonly kind: 'lose'; readonly ms: number }
  | { readonly kind: 'repeat' }
  /** Comes after the next line. */
  | { readonly kind: 'swap' }
  /** An event ERROR with 410 Gone in its place. */
  | { readonly kind: 'gone' }
  /** From here on nothing comes, and the connection stays: for `ms`, then it breaks. */
  | { readonly kind: 'silence'; readonly ms: number };

/** A body as the API server sends it when it refuses. */
export function statusBody(code: number, reason: string, retryAfterSeconds?: number): string {
  return JSON.stringify({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: `fault proxy: ${reason}`,
    reason,
    code,
    ...(retryAfterSeconds === undefined ? {} : { details: { retryAfterSeconds } }),
  });
}
