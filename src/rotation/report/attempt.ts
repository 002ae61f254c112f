/**
 * One attempt to deliver a message: reads the address from its Secret, posts, and judges the answer.
 */
import { own } from '../../base/objects.ts';
import type { KubeClient } from '../../kube/client.ts';
import { isKubeError } from '../../kube/errors.ts';
import { SECRETS } from '../../kube/types.ts';
import type { Clock } from '../../runtime/clock.ts';
import { redactText } from '../../runtime/redact.ts';
import { retryAfterMs } from '../../runtime/retry-after.ts';
import type { WebhookAnswer, WebhookClient } from '../../runtime/webhook.ts';
import { bodyOf, type Message } from './notifications.ts';
import type { Receiver } from './receivers.ts';

/** What came of it. `why` goes into Events, so it has no part of a URL. */
export type Attempt =
  | { readonly kind: 'Delivered' }
  /** `needsPerson`: no retry helps until somebody changes something. */
  | { readonly kind: 'Later'; readonly why: string; readonly afterMs?: number; readonly needsPerson?: boolean }
  | { readonly kind: 'Never'; readonly why: string };

export interface AttemptOptions {
  readonly client: Pick<KubeClient, 'get'>;
  readonly clock: Clock;
  readonly webhooks: WebhookClient;
}

/** @throws the reason of the signal, if it is aborted meanwhile */
export async function attempt(
  { client, webhooks, clock }: AttemptOptions,
  { urlFrom, format }: Receiver,
  message: Message,
  namespace: string,
  signal: AbortSignal,
): Promise<Attempt> {
  signal.throwIfAborted();
  const { name, key } = urlFrom.secretKeyRef;
  const where = `Secret ${name}, key ${key}`;
  let encoded: string | undefined;
  try {
    encoded = own((await client.get(SECRETS, { namespace, name }, { signal })).data, key);
  } catch (error) {
    signal.throwIfAborted();
    const code = isKubeError(error) ? error.code : 'error';
    const why = `${where} cannot be read (${code}): create it, and allow rekey to get it by name`;
    return { kind: 'Later', needsPerson: isKubeError(error, 'NotFound', 'Forbidden'), why };
  }
  if (encoded === undefined) return { kind: 'Later', needsPerson: true, why: `${where} is absent` };
  const url = Buffer.from(encoded, 'base64').toString().trim();
  // a reason is free text: it may even contain the leaked key
  const { reason } = message;
  const sent = reason === undefined ? message : { ...message, reason: redactText(reason) };
  const answer = await webhooks.post(url, bodyOf(sent, format), signal, { 'idempotency-key': message.id });
  signal.throwIfAborted();
  return judged(answer, where, clock.now());
}

function judged(answer: WebhookAnswer, where: string, now: number): Attempt {
  if (answer.kind === 'Refused')
    return { kind: 'Later', needsPerson: true, why: `the address in ${where} ${answer.why}` };
  if (answer.kind === 'Unreachable') return { kind: 'Later', why: `the receiver was not reached (${answer.why})` };
  const { status, retryAfter } = answer;
  if (status >= 200 && status < 300) return { kind: 'Delivered' };
  const why = `the receiver answered ${status}`;
  if (status === 408 || status === 429 || status >= 500)
    return { kind: 'Later', why, afterMs: retryAfterMs(retryAfter, now) };
  return { kind: 'Never', why: status < 400 ? `${why}; redirects are not followed` : why };
}
