/**
 * Events of events.k8s.io/v1, for people who look at an object.
 *
 * An Event is a courtesy: recording never throws and never waits, and what is too much, repeated or undeliverable is
 * dropped. Nothing may depend on one.
 *
 * @see https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/
 */
import { randomBytes } from 'node:crypto';
import type { KubeClient } from '../kube/client.ts';
import { isKubeError } from '../kube/errors.ts';
import { microTime } from '../kube/microtime.ts';
import { EVENTS, type Event, type KubeObject } from '../kube/types.ts';
import type { Clock } from './clock.ts';
import type { Logger } from './log.ts';

export interface EventText {
  readonly type: 'Normal' | 'Warning';
  /** Why, in CamelCase: a word that machines may know. */
  readonly reason: string;
  /** What was done or not done, in CamelCase. */
  readonly action: string;
  /** For people; at most 1024 bytes are kept. */
  readonly note: string;
}

export interface EventRecorderOptions {
  readonly client: Pick<KubeClient, 'create'>;
  readonly clock: Clock;
  readonly log: Logger;
  /** Such as `rekey.dev/controller`. */
  readonly reportingController: string;
  /** The pod. */
  readonly reportingInstance: string;
}

/** The same Event of the same object is sent once in so long. */
const REPEAT_MS = 10 * 60_000;
/** Events of one object: a burst, then one in five minutes, as client-go's spam filter. */
const BURST = 25;
const REFILL_MS = 5 * 60_000;
const MAX_OBJECTS = 4_096;
const MAX_WAITING = 256;
const MAX_TRIES = 3;
const NOTE_BYTES = 1_024;

interface Bucket {
  tokens: number;
  at: number;
  /** When each text was last sent. */
  readonly sent: Map<string, number>;
}

/** Sends Events one after another, in the order in which they were recorded. */
export class EventRecorder {
  readonly #options: EventRecorderOptions;
  /** In order of last use, so that the least used go first. */
  readonly #buckets = new Map<string, Bucket>();
  readonly #waiting: Event[] = [];
  #sending: Promise<void> | undefined;

  constructor(options: EventRecorderOptions) {
    this.#options = options;
  }

  /** @param regarding the object as it was read: its kind, name and uid are needed */
  event(regarding: KubeObject, text: EventText): void {
    if (!this.#admit(regarding, text)) return;
    if (this.#waiting.length >= MAX_WAITING) this.#waiting.shift();
    this.#waiting.push(this.#build(regarding, text));
    this.#sending ??= this.#drain().finally(() => {
      this.#sending = undefined;
    });
  }

  /** @returns when all is sent or dropped, or the signal is aborted */
  async flush(signal: AbortSignal): Promise<void> {
    const aborted = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    await Promise.race([this.#sending, aborted]);
  }

  /** Whether the Event is neither a repetition nor one too many. */
  #admit({ kind, metadata }: KubeObject, { type, reason, action, note }: EventText): boolean {
    const now = this.#options.clock.monotonic();
    const bucket = this.#bucketOf(metadata.uid ?? `${kind}/${metadata.namespace}/${metadata.name}`, now);
    const text = JSON.stringify([type, reason, action, note]);
    for (const [other, at] of bucket.sent) if (now - at >= REPEAT_MS) bucket.sent.delete(other);
    if (bucket.sent.has(text) || bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    bucket.sent.set(text, now);
    return true;
  }

  #bucketOf(object: string, now: number): Bucket {
    const bucket = this.#buckets.get(object) ?? { tokens: BURST, at: now, sent: new Map() };
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
      // The name is chosen before the first try, so that a second one cannot make a second Event.
      metadata: { name: `${name.slice(0, 230)}.${randomBytes(8).toString('hex')}`, namespace: namespace ?? 'default' },
      eventTime: microTime(clock.now()),
      type,
      reason: reason.slice(0, 128),
      action: action.slice(0, 128),
      note: cutToBytes(note, NOTE_BYTES),
      regarding: {
        name,
        ...(apiVersion !== undefined && { apiVersion }),
        ...(kind !== undefined && { kind }),
        ...(namespace !== undefined && { namespace }),
        ...(uid !== undefined && { uid }),
        ...(resourceVersion !== undefined && { resourceVersion }),
      },
      reportingController,
      reportingInstance: reportingInstance.slice(0, 128),
    };
  }

  async #drain(): Promise<void> {
    for (let event = this.#waiting.shift(); event !== undefined; event = this.#waiting.shift()) await this.#send(event);
  }

  async #send(event: Event): Promise<void> {
    const { client, clock, log } = this.#options;
    for (let tries = 1; ; tries += 1) {
      try {
        await client.create(EVENTS, event);
        return;
      } catch (error) {
        if (isKubeError(error, 'AlreadyExists')) return;
        const passing = isKubeError(error, 'Unreachable', 'Timeout', 'ServerError', 'TooManyRequests');
        if (!passing || tries >= MAX_TRIES) {
          log.warn('an Event was dropped', { reason: event.reason, regarding: event.regarding.name, error });
          return;
        }
        await clock.sleep(1_000 * tries);
      }
    }
  }
}

/** Cuts between characters. */
function cutToBytes(text: string, bytes: number): string {
  if (Buffer.byteLength(text) <= bytes) return text;
  const mark = '…';
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(bytes - Buffer.byteLength(mark)));
  return `${text.slice(0, read)}${mark}`;
}
