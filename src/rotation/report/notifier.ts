/**
 * Sends messages to the receivers of spec.notifications, in the background: a pass never waits for a receiver.
 *
 * Each pass reads from the keyset which messages are due, so a message survives the operator. What was delivered is kept in
 * memory and in status.notified. If both are lost, the message is sent again with the same id.
 */

import { Backoff } from '../../runtime/backoff.ts';
import type { EventRecorder } from '../../runtime/events.ts';
import { FairLimit } from '../../runtime/fair-limit.ts';
import type { Logger } from '../../runtime/log.ts';
import { limitedLog } from '../../runtime/log-limit.ts';
import { keyOf, type Store } from '../../runtime/store.ts';
import { type Finding, isDegrading, isPassing } from '../api/finding.ts';
import type { JwtKeyRotation } from '../api/names.ts';
import type { Facts } from '../facts.ts';
import type { Decision } from '../plan/decision.ts';
import { type AttemptOptions, attempt } from './attempt.ts';
import type { RotationMetrics } from './metrics.ts';
import { type Message, messagesOf, NEWS_MS, type NotificationResult, newsUntil } from './notifications.ts';
import { deliveryId, type Receiver, receiversOf } from './receivers.ts';

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 300_000;
/** Of what a person must mend first. */
const PERSON_PAUSE_MS = 30_000;
/** Messages under way, including those that wait for a retry. The next pass starts what does not fit. An emergency always fits. */
const MAX_PENDING = 16_384;
/** First attempts go before retries, and emergencies before all. */
const PRIORITIES = { emergency: 2, first: 1, retry: 0 } as const;
/** Messages sent in parallel. */
const MAX_SENDING = 32;
/** The length of status.notified: two messages of an emergency and one of a rotation to 16 receivers are 48. */
const MAX_NOTIFIED = 64;
const MAX_SETTLED = 8_192;

interface Delivery {
  /** Message and receiver. */
  readonly id: string;
  /** `namespace/name` and uid of the resource. */
  readonly key: string;
  readonly uid: string;
  readonly message: Message;
}

/** The resource and the receiver of a delivery, as the spec is now. */
interface Found {
  readonly resource: JwtKeyRotation;
  readonly receiver: Receiver;
  readonly index: number;
}

export interface NotifierOptions extends AttemptOptions {
  readonly random: () => number;
  readonly log: Logger;
  readonly events: Pick<EventRecorder, 'event'>;
  readonly metrics: Pick<RotationMetrics, 'notified' | 'hasReceivers'>;
  readonly resources: Pick<Store<JwtKeyRotation>, 'get'>;
  /** Called with each resource that has something new for status.notified. */
  readonly onDelivered: (key: string) => void;
}

/** Sends messages in the background: a pass never waits for a receiver. */
export class Notifier {
  readonly #options: NotifierOptions;
  readonly #pending = new Set<string>();
  /** Delivered or given up, oldest first. */
  readonly #settled = new Set<string>();
  /** Ids of what was delivered, by resource, oldest first. */
  readonly #delivered = new Map<string, readonly string[]>();
  readonly #closing = new AbortController();
  /** A slow receiver must not delay those of other resources for long, and all together must not take every socket. */
  readonly #inTurn = new FairLimit(MAX_SENDING);
  readonly #log: Logger;

  constructor(options: NotifierOptions) {
    this.#options = options;
    this.#log = limitedLog(options.log, options.clock);
  }

  /**
   * Sends what is due, unless it was delivered or is under way.
   *
   * @returns ids of what was delivered, for status.notified
   */
  observed(
    resource: JwtKeyRotation,
    { secret, settings }: Pick<Facts, 'secret' | 'settings'>,
    decision: Pick<Decision, 'stalled' | 'blocked'> = {},
  ): readonly string[] {
    const { metadata, spec, status } = resource;
    const { name, namespace = '', uid = '' } = metadata;
    const key = keyOf({ name, namespace });
    const known = [...new Set([...(status?.notified ?? []), ...(this.#delivered.get(key) ?? [])])].slice(-MAX_NOTIFIED);
    const keyset = secret.kind === 'Managed' ? secret.keyset : undefined;
    const subject = { name, namespace, uid, environment: settings.environment };
    if (receiversOf(spec).length > 0) this.#options.metrics.hasReceivers({ namespace, name });
    for (const message of messagesOf(subject, keyset, whyStopped(decision), this.#options.clock.now())) {
      for (const receiver of receiversOf(spec)) {
        if (!receiver.on.includes(message.event)) continue;
        const id = deliveryId(message, receiver);
        if (!known.includes(id)) this.#start({ id, key, uid, message });
      }
    }
    return known;
  }

  forgot(key: string): void {
    this.#delivered.delete(key);
  }

  async close(): Promise<void> {
    this.#closing.abort(new Error('the operator stops'));
    await this.#options.webhooks.close();
  }

  #start(delivery: Delivery): void {
    const { id, key, message } = delivery;
    if (this.#closing.signal.aborted || this.#pending.has(id) || this.#settled.has(id)) return;
    if (this.#pending.size >= MAX_PENDING && message.event !== 'Emergency') {
      this.#log.warn('a notification waits for the next pass: too many are under way', { resource: key });
      return;
    }
    this.#pending.add(id);
    const ended = this.#deliver(delivery).catch((error: unknown) => {
      if (this.#closing.signal.aborted) return;
      this.#options.log.error('a notification was dropped', { resource: key, event: message.event, error });
    });
    void ended.finally(() => this.#pending.delete(id));
  }

  async #deliver(delivery: Delivery): Promise<void> {
    const { clock, random } = this.#options;
    const { key, message } = delivery;
    const [namespace = ''] = key.split('/');
    const limits = { baseMs: FIRST_PAUSE_MS, capMs: LONGEST_PAUSE_MS, resetAfterMs: NEWS_MS };
    const pauses = new Backoff({ clock, random, ...limits });
    for (let tries = 0; ; tries += 1) {
      // looked up again each time: a receiver that was removed from the spec gets no more messages
      const found = this.#find(delivery);
      if (found === undefined) return;
      const { receiver, resource } = found;
      const result = await this.#inTurn.run(key, priorityOf(message, tries), () =>
        attempt(this.#options, receiver, message, namespace, this.#closing.signal),
      );
      if (result.kind === 'Delivered') return this.#succeeded(delivery);
      if (result.kind === 'Never') return this.#gaveUp(delivery, found, result.why);
      const pauseMs = Math.max(pauses.next(), result.afterMs ?? 0, result.needsPerson ? PERSON_PAUSE_MS : 0);
      if (clock.now() + pauseMs >= newsUntil(message)) return this.#gaveUp(delivery, found, result.why);
      this.#count(resource, 'retried');
      if (result.needsPerson) this.#warn(found, delivery, `${result.why}; rekey tries again`);
      await clock.sleep(pauseMs, this.#closing.signal);
    }
  }

  #find({ key, uid, id, message }: Delivery): Found | undefined {
    const resource = this.#options.resources.get(key);
    if (resource?.metadata.uid !== uid) return undefined;
    const receivers = receiversOf(resource.spec);
    const index = receivers.findIndex((each) => each.on.includes(message.event) && id === deliveryId(message, each));
    const receiver = receivers[index];
    return receiver && { resource, receiver, index };
  }

  #succeeded({ id, key, uid, message }: Delivery): void {
    this.#settle(id);
    const resource = this.#options.resources.get(key);
    // one that was made anew under this name knows nothing of it
    if (resource?.metadata.uid !== uid) return;
    this.#delivered.set(key, [...(this.#delivered.get(key) ?? []), id].slice(-MAX_NOTIFIED));
    this.#count(resource, 'delivered');
    this.#options.log.info('a notification was delivered', { resource: key, event: message.event });
    this.#options.onDelivered(key);
  }

  #gaveUp(delivery: Delivery, found: Found, why: string): void {
    this.#settle(delivery.id);
    this.#count(found.resource, 'failed');
    this.#warn(found, delivery, `${why}; rekey gave up`);
  }

  #warn({ resource, index }: Found, { key, message }: Delivery, why: string): void {
    const note = `spec.notifications[${index}]: the message ${message.event} was not delivered: ${why}`;
    this.#options.events.event(resource, { type: 'Warning', reason: 'NotificationFailed', action: 'Notify', note });
    const fields = { resource: key, reason: 'NotificationFailed', receiver: index, event: message.event, why };
    this.#log.warn('a notification was not delivered', fields);
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

function priorityOf({ event }: Message, tries: number): number {
  if (tries > 0) return PRIORITIES.retry;
  return event === 'Emergency' ? PRIORITIES.emergency : PRIORITIES.first;
}

/** A rotation that cannot begin yet is not news. One under way that rests is, and so are keys that nobody can vouch for. */
function whyStopped({ stalled, blocked }: Pick<Decision, 'stalled' | 'blocked'>): Finding | undefined {
  if (stalled !== undefined) return isPassing(stalled) ? undefined : stalled;
  return blocked !== undefined && isDegrading(blocked) ? blocked : undefined;
}
