/**
 * Records Events of events.k8s.io/v1, for people who look at an object.
 *
 * Nothing may depend on an Event: recording never throws and never waits, and Events that are too many or cannot be
 * delivered are dropped. Drops are counted and logged.
 *
 * @see https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
 */

import { randomBytes } from 'node:crypto';
import { defined } from '../base/objects.ts';
import type { KubeClient } from '../kube/client.ts';
import { isKubeError } from '../kube/errors.ts';
import { microTime } from '../kube/microtime.ts';
import { visible } from '../kube/printable.ts';
import { EVENTS, type Event, type KubeObject } from '../kube/types.ts';
import { aborted } from './aborted.ts';
import { exponential } from './backoff.ts';
import type { Clock } from './clock.ts';
import type { Fields, Logger } from './log.ts';
import { Outbox } from './outbox.ts';
import { keyOf } from './store.ts';

export interface EventText {
  readonly type: 'Normal' | 'Warning';
  /** The reason in CamelCase, for machines. */
  readonly reason: string;
  /** The action that was or was not taken, in CamelCase. */
  readonly action: string;
  /** For people; at most 1024 bytes are kept. */
  readonly note: string;
}

/** Why an Event was dropped: too many for one object; too many in all; refused; no answer in time; the process ended. */
export type DropReason = 'RateLimited' | 'QueueFull' | 'Refused' | 'Unanswered' | 'Stopped';

export interface EventRecorderOptions {
  readonly client: Pick<KubeClient, 'create'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Such as `rekey.dev/controller`. */
  readonly reportingController: string;
  /** The pod. */
  readonly reportingInstance: string;
  /** Called with each dropped Event. A repetition does not count as dropped. */
  readonly onDropped?: ((reason: DropReason, events: number) => void) | undefined;
}

/** The same Event of the same object is sent once in this time. */
const REPEAT_MS = 10 * 60_000;
/** Limit for one object: a burst, then one Event in five minutes, as client-go's spam filter. */
const BURST = 25;
const REFILL_MS = 5 * 60_000;
const MAX_OBJECTS = 4_096;
/** Most waiting Events, of at most 2 KiB each. */
const MAX_WAITING = 10_000;
const SENDERS = 8;
/** With pauses of 1 s doubling to 30 s this is about two minutes, longer than a restart of the API server. */
const MAX_TRIES = 9;
/** Drops are logged in one line in this time. */
const SAY_AGAIN_MS = 60_000;
const NOTE_BYTES = 1_024;
/** A name has at most 253 characters; a dot and 16 digits follow. */
const MAX_STEM = 230;

interface Bucket {
  tokens: number;
  at: number;
  /** When each text was last sent. */
  readonly sent: Map<string, number>;
  /** The last texts that exceeded the limit, so that each is counted once, however often it is recorded. */
  readonly dropped: Set<string>;
}

/** Sends the Events of an object one after another, in the order of recording. */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  /** In order of last use, so that the least used go first. */
  readonly #buckets = new Map<string, Bucket>();
  readonly #outbox: Outbox<Event>;
  readonly #unsaid = new Map<DropReason, number>();
  readonly #ended = new AbortController();
  #saidAt = Number.NEGATIVE_INFINITY;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
    this.#outbox = new Outbox({ senders: SENDERS, most: MAX_WAITING, send: (event) => this.#send(event) });
  }

  /** @param regarding the object as it was read, with its kind, name and uid */
  event(regarding: KubeObject, text: EventText): void {
    const object = regarding.metadata.uid ?? `${regarding.kind}/${keyOf(regarding.metadata)}`;
    const verdict = this.#judge(object, text);
    if (verdict === 'Repetition') return;
    const event = this.#build(regarding, text);
    if (verdict === 'RateLimited') {
      this.#drop('RateLimited', event);
      return;
    }
    const dropped = this.#outbox.add(object, event);
    if (dropped !== undefined) this.#drop('QueueFull', dropped);
  }

  /** @returns when all Events are sent or dropped; an aborted signal drops the rest */
  async flush(signal: AbortSignal): Promise<void> {
    await Promise.race([this.#outbox.idle(), aborted(signal)]);
    const left = this.#outbox.clear();
    if (left > 0) this.#count('Stopped', left);
    if (signal.aborted) this.#ended.abort();
    this.#say();
  }

  /** Decides whether the Event is a repetition, or exceeds the limit. */
  #judge(object: string, { type, reason, action, note }: EventText): 'Send' | 'Repetition' | 'RateLimited' {
    const now = this.#options.clock.monotonic();
    const bucket = this.#bucketOf(object, now);
    const text = JSON.stringify([type, reason, action, note]);
    for (const [other, at] of bucket.sent) if (now - at >= REPEAT_MS) bucket.sent.delete(other);
    if (bucket.sent.has(text)) return 'Repetition';
    if (bucket.tokens < 1) {
      if (bucket.dropped.has(text)) return 'Repetition';
      if (bucket.dropped.size >= BURST) bucket.dropped.clear();
      bucket.dropped.add(text);
      return 'RateLimited';
    }
    bucket.tokens -= 1;
    bucket.dropped.delete(text);
    bucket.sent.set(text, now);
    return 'Send';
  }

  #bucketOf(object: string, now: number): Bucket {
    const bucket = this.#buckets.get(object) ?? { tokens: BURST, at: now, sent: new Map(), dropped: new Set() };
    bucket.tokens = Math.min(BURST, bucket.tokens + (now - bucket.at) / REFILL_MS);
    bucket.at = now;
    this.#buckets.delete(object);
    this.#buckets.set(object, bucket);
    for (const [oldest] of this.#buckets) {
      if (this.#buckets.size <= MAX_OBJECTS) break;
      this.#buckets.delete(oldest);
    }
    return bucket;
  }

  #build({ apiVersion, kind, metadata }: KubeObject, { type, reason, action, note }: EventText): Event {
    const { name, namespace, uid, resourceVersion } = metadata;
    const { clock, reportingController, reportingInstance } = this.#options;
    return {
      // The name is chosen before the first try, so that a retry cannot make a second Event.
      metadata: { name: `${stemOf(name)}.${randomBytes(8).toString('hex')}`, namespace: namespace ?? 'default' },
      eventTime: microTime(clock.now()),
      type,
      reason: reason.slice(0, 128),
      action: action.slice(0, 128),
      note: cutToBytes(visible(note), NOTE_BYTES),
      regarding: {
        name,
        ...defined({ apiVersion, kind, namespace, uid, resourceVersion }),
      },
      reportingController,
      reportingInstance: reportingInstance.slice(0, 128),
    };
  }

  async #send(event: Event): Promise<void> {
    const { client, clock } = this.#options;
    const { signal } = this.#ended;
    for (let tries = 1; ; tries += 1) {
      try {
        await client.create(EVENTS, event, { signal });
        return;
      } catch (error) {
        if (signal.aborted) return this.#count('Stopped', 1);
        if (isKubeError(error, 'AlreadyExists')) return;
        const passing = isKubeError(error, 'Unreachable', 'Timeout', 'ServerError', 'TooManyRequests');
        if (!passing || tries >= MAX_TRIES) {
          this.#drop(passing ? 'Unanswered' : 'Refused', event, error);
          return;
        }
        await clock.sleep(exponential(1_000, 30_000, tries - 1), signal).catch(() => undefined);
      }
    }
  }

  #drop(why: DropReason, { reason, regarding }: Event, error?: unknown): void {
    this.#count(why, 1);
    if (this.#options.clock.monotonic() - this.#saidAt < SAY_AGAIN_MS) return;
    this.#say({
      last: reason,
      regarding: `${regarding.namespace ?? ''}/${regarding.name}`,
      ...defined({ error }),
    });
  }

  #count(why: DropReason, events: number): void {
    this.#options.onDropped?.(why, events);
    this.#unsaid.set(why, (this.#unsaid.get(why) ?? 0) + events);
  }

  /** Logs all drops since the last line. */
  #say(more: Fields = {}): void {
    if (this.#unsaid.size === 0) return;
    this.#options.log.warn('Events were dropped', { dropped: Object.fromEntries(this.#unsaid), ...more });
    this.#unsaid.clear();
    this.#saidAt = this.#options.clock.monotonic();
  }
}

/** Each part of a name between dots begins and ends with a letter or a digit (RFC 1123), even after a cut. */
function stemOf(name: string): string {
  return name.slice(0, MAX_STEM).replace(/[-.]+$/, '');
}

/** Cuts between characters. */
function cutToBytes(text: string, bytes: number): string {
  if (Buffer.byteLength(text) <= bytes) return text;
  const mark = '…';
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(bytes - Buffer.byteLength(mark)));
  return `${text.slice(0, read)}${mark}`;
}
