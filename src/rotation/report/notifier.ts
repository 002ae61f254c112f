/**
 * Sends messages to the receivers of spec.notifications, in the background: no pass ever waits for one.
 *
 * What is to be told is read from the keyset at each pass, so a message survives the operator. What has been told is kept in
 * memory and in status.notified; where both are lost, a message comes twice, with the same id.
 */

import { own } from '../../base/objects.ts';
import type { KubeClient } from '../../kube/client.ts';
import { isKubeError } from '../../kube/errors.ts';
import { SECRETS } from '../../kube/types.ts';
import { Backoff } from '../../runtime/backoff.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { EventRecorder } from '../../runtime/events.ts';
import type { Logger } from '../../runtime/log.ts';
import { redactText } from '../../runtime/redact.ts';
import { retryAfterMs } from '../../runtime/retry-after.ts';
import { keyOf, type Store } from '../../runtime/store.ts';
import type { WebhookAnswer, WebhookClient } from '../../runtime/webhook.ts';
import { type Finding, isDegrading, isPassing } from '../api/finding.ts';
import type { JwtKeyRotation } from '../api/names.ts';
import type { JwtKeyRotationSpec } from '../api/types.ts';
import type { Facts } from '../facts.ts';
import type { Decision } from '../plan/decision.ts';
import type { RotationMetrics } from './metrics.ts';
import { bodyOf, type Message, messagesOf, NEWS_MS, type NotificationResult, newsUntil } from './notifications.ts';

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 300_000;
/** Messages under way in all, those that wait for another try included. What is too much is looked at again at the next pass. */
const MAX_PENDING = 1_024;
const MAX_SENDING = 8;
/** As many as status.notified holds: two messages of an emergency and one of a rotation to 16 receivers are 48. */
const MAX_TOLD = 64;
const MAX_SETTLED = 8_192;

type Receiver = Required<NonNullable<JwtKeyRotationSpec['notifications']>[number]>;

interface Delivery {
  /** Message and receiver. */
  readonly id: string;
  /** `namespace/name` and uid of the resource. */
  readonly key: string;
  readonly uid: string;
  readonly message: Message;
}

/** What came of one try. `why` goes into Events: no part of a URL. */
type Try =
  | { readonly kind: 'Delivered' }
  /** `tell`: only a person can put it right. */
  | { readonly kind: 'Later'; readonly why: string; readonly afterMs?: number; readonly tell?: boolean }
  | { readonly kind: 'Never'; readonly why: string };

export interface NotifierOptions {
  readonly client: Pick<KubeClient, 'get'>;
  readonly clock: Clock;
  readonly random: () => number;
  readonly log: Logger;
  readonly events: Pick<EventRecorder, 'event'>;
  readonly metrics: Pick<RotationMetrics, 'notified'>;
  readonly resources: Pick<Store<JwtKeyRotation>, 'get'>;
  readonly webhooks: WebhookClient;
  /** Told of each resource that has something new for status.notified. */
  readonly onTold: (key: string) => void;
}

/** Sends messages in the background: a pass never waits for a receiver. */
export class Notifier {
  readonly #options: NotifierOptions;
  readonly #pending = new Set<string>();
  /** Delivered or given up, oldest first. */
  readonly #settled = new Set<string>();
  /** Delivered, by resource, oldest first. */
  readonly #told = new Map<string, readonly string[]>();
  readonly #closing = new AbortController();
  readonly #turns: (() => void)[] = [];
  #sending = 0;

  constructor(options: NotifierOptions) {
    this.#options = options;
  }

  /**
   * Sends what is due and neither told nor under way.
   *
   * @returns ids of what has been told, for status.notified
   */
  observed(
    resource: JwtKeyRotation,
    { secret, settings }: Pick<Facts, 'secret' | 'settings'>,
    decision: Pick<Decision, 'stalled' | 'blocked'> = {},
  ): readonly string[] {
    const { metadata, spec, status } = resource;
    const { name, namespace = '', uid = '' } = metadata;
    const key = keyOf({ name, namespace });
    const told = [...new Set([...(status?.notified ?? []), ...(this.#told.get(key) ?? [])])].slice(-MAX_TOLD);
    const keyset = secret.kind === 'Managed' ? secret.keyset : undefined;
    const subject = { name, namespace, uid, environment: settings.environment };
    for (const message of messagesOf(subject, keyset, whyStopped(decision), this.#options.clock.now())) {
      for (const receiver of receiversOf(spec)) {
        if (!receiver.on.includes(message.event)) continue;
        const id = `${message.id} ${nameOf(receiver)}`;
        if (!told.includes(id)) this.#start({ id, key, uid, message });
      }
    }
    return told;
  }

  forgot(key: string): void {
    this.#told.delete(key);
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('the operator stops'));
    await this.#options.webhooks.close();
  }

  #start(delivery: Delivery): void {
    const { id, key, message } = delivery;
    const full = this.#pending.size >= MAX_PENDING;
    if (full || this.#closing.signal.aborted || this.#pending.has(id) || this.#settled.has(id)) return;
    this.#pending.add(id);
    const ended = this.#deliver(delivery).catch((error: unknown) => {
      if (this.#closing.signal.aborted) return;
      this.#options.log.error('a notification was dropped', { resource: key, event: message.event, error });
    });
    void ended.finally(() => this.#pending.delete(id));
  }

  async #deliver(delivery: Delivery): Promise<void> {
    const { clock, random } = this.#options;
    const { message } = delivery;
    const limits = { baseMs: FIRST_PAUSE_MS, capMs: LONGEST_PAUSE_MS, resetAfterMs: NEWS_MS };
    const pauses = new Backoff({ clock, random, ...limits });
    for (;;) {
      // as the spec is now: who was taken out of it is told no more
      const found = this.#find(delivery);
      if (found === undefined) return;
      const result = await this.#inTurn(() => this.#try(found.receiver, message, delivery.key));
      if (result.kind === 'Delivered') {
        this.#delivered(delivery);
        return;
      }
      if (result.kind === 'Never') {
        this.#gaveUp(delivery, found, result.why);
        return;
      }
      const pauseMs = Math.max(pauses.next(), result.afterMs ?? 0);
      if (clock.now() + pauseMs >= newsUntil(message)) {
        this.#gaveUp(delivery, found, result.why);
        return;
      }
      this.#count(found.resource, 'retried');
      if (result.tell) this.#tell(found, delivery, `${result.why}; rekey tries again`);
      await clock.sleep(pauseMs, this.#closing.signal);
    }
  }

  #find({ key, uid, id, message }: Delivery) {
    const resource = this.#options.resources.get(key);
    if (resource?.metadata.uid !== uid) return undefined;
    const receivers = receiversOf(resource.spec);
    const index = receivers.findIndex(
      (receiver) => receiver.on.includes(message.event) && id === `${message.id} ${nameOf(receiver)}`,
    );
    const receiver = receivers[index];
    return receiver && { resource, receiver, index };
  }

  /** A slow receiver must not keep the others waiting for long, and all together must not take every socket. */
  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.#sending >= MAX_SENDING) await new Promise<void>((resolve) => this.#turns.push(resolve));
    else this.#sending += 1;
    try {
      return await work();
    } finally {
      const next = this.#turns.shift();
      if (next === undefined) this.#sending -= 1;
      else next();
    }
  }

  async #try({ urlFrom, format }: Receiver, message: Message, key: string): Promise<Try> {
    const { client, webhooks, clock } = this.#options;
    const { name, key: dataKey } = urlFrom.secretKeyRef;
    const signal = this.#closing.signal;
    signal.throwIfAborted();
    const [namespace = ''] = key.split('/');
    const where = `Secret ${name}, key ${dataKey}`;
    let encoded: string | undefined;
    try {
      encoded = own((await client.get(SECRETS, { namespace, name }, { signal })).data, dataKey);
    } catch (error) {
      signal.throwIfAborted();
      const tell = isKubeError(error, 'NotFound', 'Forbidden');
      const why = isKubeError(error) ? error.code : 'error';
      return {
        kind: 'Later',
        tell,
        why: `${where} cannot be read (${why}): create it, and allow rekey to get it by name`,
      };
    }
    if (encoded === undefined) return { kind: 'Later', tell: true, why: `${where} is absent` };
    const url = Buffer.from(encoded, 'base64').toString().trim();
    // people write what they like into a reason, the leaked key too
    const { reason } = message;
    const said = reason === undefined ? message : { ...message, reason: redactText(reason) };
    const answer = await webhooks.post(url, bodyOf(said, format), signal, { 'idempotency-key': message.id });
    signal.throwIfAborted();
    return judged(answer, where, clock.now());
  }

  #delivered({ id, key, message }: Delivery): void {
    this.#settle(id);
    this.#told.set(key, [...(this.#told.get(key) ?? []), id].slice(-MAX_TOLD));
    const resource = this.#options.resources.get(key);
    if (resource !== undefined) this.#count(resource, 'delivered');
    this.#options.log.info('a notification was delivered', { resource: key, event: message.event });
    this.#options.onTold(key);
  }

  #gaveUp(delivery: Delivery, found: Found, why: string): void {
    this.#settle(delivery.id);
    this.#count(found.resource, 'failed');
    this.#tell(found, delivery, `${why}; rekey gave up`);
  }

  #tell({ resource, index }: Found, { key, message }: Delivery, why: string): void {
    const note = `spec.notifications[${index}]: the message ${message.event} was not delivered: ${why}`;
    this.#options.events.event(resource, { type: 'Warning', reason: 'NotificationFailed', action: 'Notify', note });
    this.#options.log.warn(note, { resource: key, reason: 'NotificationFailed' });
  }

  #count({ metadata: { namespace = '', name } }: JwtKeyRotation, result: NotificationResult): void {
    this.#options.metrics.notified({ namespace, name }, result);
  }

  #settle(id: string): void {
    this.#settled.add(id);
    for (const oldest of this.#settled) {
      if (this.#settled.size <= MAX_SETTLED) break;
      this.#settled.delete(oldest);
    }
  }
}

interface Found {
  readonly resource: JwtKeyRotation;
  readonly receiver: Receiver;
  readonly index: number;
}

/** No default stands inside a list of the CRD (see there), so what an absent field means is said here. */
function receiversOf({ notifications = [] }: JwtKeyRotationSpec): readonly Receiver[] {
  return notifications.map((receiver) => ({
    type: 'Webhook',
    format: 'Json',
    on: ['Failed', 'Emergency'],
    ...receiver,
  }));
}

/** The place in the list may change; what tells receivers apart is where the address comes from and the format. */
function nameOf({ format, urlFrom: { secretKeyRef } }: Receiver): string {
  return `${format} ${secretKeyRef.name}/${secretKeyRef.key}`;
}

/** A rotation that cannot begin yet is no news; one under way that rests is, and so are keys that nobody can vouch for. */
function whyStopped({ stalled, blocked }: Pick<Decision, 'stalled' | 'blocked'>): Finding | undefined {
  if (stalled !== undefined) return isPassing(stalled) ? undefined : stalled;
  return blocked !== undefined && isDegrading(blocked) ? blocked : undefined;
}

function judged(answer: WebhookAnswer, where: string, now: number): Try {
  if (answer.kind === 'Refused') return { kind: 'Later', tell: true, why: `the address in ${where} ${answer.why}` };
  if (answer.kind === 'Unreachable') return { kind: 'Later', why: `the receiver was not reached (${answer.why})` };
  const { status, retryAfter } = answer;
  if (status >= 200 && status < 300) return { kind: 'Delivered' };
  const why = `the receiver answered ${status}`;
  if (status === 408 || status === 429 || status >= 500)
    return { kind: 'Later', why, afterMs: retryAfterMs(retryAfter, now) };
  return { kind: 'Never', why: status < 400 ? `${why}; redirects are not followed` : why };
}
