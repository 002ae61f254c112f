/**
 * Keeps a {@link Store} equal to a part of the cluster: lists, then watches for ever.
 *
 * - After any failure: wait (0.8 s doubling to 30 s, with jitter), then watch from the last version seen.
 * - After Gone: list again. That list is the truth, even if it is older.
 * - Every `relistMs`, or half a minute later: list again, in case an event was lost.
 * - While the server refuses a list, whatever that is for: watch, and list again in pauses from half a minute to five.
 * - After a stream that broke or was silent: list again. etcd may have been restored meanwhile, and a watch from a version
 *   that the new history has not reached yet says nothing. If streams break again and again, as behind a proxy that ends
 *   them, the pauses between these lists grow from a minute to `relistMs`.
 * - A list that is older than earlier events of a watch comes from a server that lags behind, and is ignored. The
 *   server's history was rewound (etcd restored) if several lists in a row are older, or if a list has an older version of an
 *   object than was seen, though the list itself is newer. Then the list is the truth, and the reflector logs that.
 *
 * It does not guarantee that the store is current, only how old it may be: see `secondsSinceContact`.
 *
 * @see https://github.com/kubernetes/client-go/blob/master/tools/cache/reflector.go
 */
import { defined } from '../base/objects.ts';
import { isKubeError } from '../kube/errors.ts';
import type { KubeObject } from '../kube/types.ts';
import type { WatchEvent } from '../kube/watch.ts';
import { Asked } from './asked.ts';
import { Backoff } from './backoff.ts';
import { ListTimes } from './list-times.ts';
import type { Logger } from './log.ts';
import type { ReflectorOptions } from './reflector-options.ts';
import { type ChangeHandler, Store } from './store.ts';
import type { Version } from './version.ts';

/** A server answers so that has no room for a list. It may still tell what changes. */
const BUSY = ['TooManyRequests', 'ServerError', 'Timeout'] as const;
const WATCH_SECONDS = 300;
const RELIST_MS = 600_000;
/** So many lists in a row prove that history went back; with back-off that takes about 25 s. */
const REWIND_LISTS = 5;
/** If a watch ends sooner without an error, the server is in trouble. */
const SHORT_WATCH_MS = 1_000;

/** One per resource type and selection. */
export class Reflector<Raw extends KubeObject, T> {
  readonly store: Store<T>;
  /** Resolves with the first complete list. */
  readonly synced: Promise<void>;
  readonly #options: ReflectorOptions<Raw, T>;
  readonly #log: Logger;
  readonly #backoff: Backoff;
  readonly #random: () => number;
  readonly #resolveSynced: () => void;
  #hasSynced = false;
  #version: string | undefined;
  #mayGoBack = false;
  #oldLists = 0;
  readonly #lists: ListTimes;
  #lastContact = Number.NEGATIVE_INFINITY;
  #refused = false;
  readonly #asked = new Asked();
  #watching = new AbortController();
  /** Since anything came of a watch, the server has said that the history is gone. */
  #wasGone = false;

  constructor(options: ReflectorOptions<Raw, T>) {
    const { clock, random = Math.random, relistMs = RELIST_MS } = options;
    this.#options = options;
    this.#random = random;
    this.#log = options.log.child({ reflector: options.type.plural });
    this.#backoff = new Backoff({ clock, random, baseMs: 800, capMs: 30_000, resetAfterMs: 120_000 });
    this.#lists = new ListTimes({ clock, random, relistMs });
    this.store = new Store({ onHandlerError: (error) => this.#log.error('a change handler failed', { error }) });
    const { promise, resolve } = Promise.withResolvers<void>();
    this.synced = promise;
    this.#resolveSynced = resolve;
  }

  hasSynced(): boolean {
    return this.#hasSynced;
  }

  /** Since anything came from the server: a list, an event or a bookmark. Infinity before the first. */
  secondsSinceContact(): number {
    return (this.#options.clock.monotonic() - this.#lastContact) / 1000;
  }

  /** Whether the server's last answer was that reading is forbidden. */
  refused(): boolean {
    return this.#refused;
  }

  /** Handlers are called in order, also for the objects of the first list. Their errors are logged. */
  onChange(handler: ChangeHandler<T>): () => void {
    return this.store.onChange(handler);
  }

  /**
   * Puts the answer to an own write into the store, unless the watch was faster.
   *
   * @returns false if it is no newer than what the store has
   */
  upsert(raw: Raw): boolean {
    return this.store.upsert(raw.metadata, this.#options.project(raw));
  }

  /** @returns when a list that began after the call is in the store, or the type is no longer served */
  relist(): Promise<void> {
    this.#lists.asked();
    this.#watching.abort();
    return this.#asked.wait();
  }

  /**
   * Empties the store, because the cluster no longer serves the type. Call it only while the reflector does not run; it
   * may run again.
   */
  forget(): void {
    this.#version = undefined;
    this.#mayGoBack = true;
    this.#hasSynced = false;
    this.store.replaceAll([], '', { mayGoBack: true });
    this.#asked.release();
  }

  /** Runs until the signal is aborted; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      try {
        const isDue = this.#lists.leftMs(this.#asked.some) <= 0;
        if (this.#version === undefined || isDue) await this.#listInTurn(signal);
        else await this.#watch(this.#version, signal);
      } catch (error) {
        if (signal.aborted) return;
        await this.#recover(error, signal);
      }
    }
  }

  async #recover(error: unknown, signal: AbortSignal): Promise<void> {
    this.#refused = isKubeError(error, 'Forbidden');
    if (isKubeError(error, 'Gone') && this.#version !== undefined) {
      this.#version = undefined;
      this.#mayGoBack = true;
      // after an outage: the server answers again, so the pauses that grew while it did not end here. Once, or it would be a storm
      if (!this.#wasGone) this.#backoff.reset();
      this.#wasGone = true;
    }
    if (isKubeError(error, 'Unreachable', 'Timeout')) this.#lists.broke();
    const asked = isKubeError(error) ? (error.retryAfterMs ?? 0) : 0;
    const pauseMs = Math.max(this.#backoff.next(), asked);
    this.#log.warn('list or watch failed: trying again', { error, pauseMs: Math.round(pauseMs) });
    await this.#options.clock.sleep(pauseMs, signal).catch(() => undefined);
  }

  async #listInTurn(signal: AbortSignal): Promise<void> {
    const leave = await this.#options.gate?.enter(signal);
    try {
      await this.#asked.serve(() => this.#list(signal));
    } catch (error) {
      if (!isKubeError(error, ...BUSY) || this.#version === undefined) throw error;
      this.#lists.refused();
      this.#log.warn('a list was refused: watching meanwhile', { error });
    } finally {
      leave?.();
    }
  }

  async #list(signal: AbortSignal): Promise<void> {
    const { client, type, selection, clock } = this.#options;
    const items: { version: Version; value: T }[] = [];
    let resourceVersion = '';
    for await (const page of client.pages(type, { ...selection, signal })) {
      for (const raw of page.items) this.#project(raw, (value) => items.push({ version: raw.metadata, value }));
      resourceVersion = page.resourceVersion;
    }
    const older = this.store.isRewind(resourceVersion);
    if (older && !this.#believe()) throw new Error(`the list is older (${resourceVersion}) than what was seen before`);
    const rewound = older || this.store.contradicts(items, resourceVersion);
    // what is kept may have changed since the page came
    const kept = items.filter(({ version }) => this.#keeps(version));
    this.store.replaceAll(kept, resourceVersion, { mayGoBack: this.#mayGoBack || rewound });
    this.#mayGoBack = false;
    this.#oldLists = 0;
    this.#version = resourceVersion;
    this.#lists.listed();
    this.#lastContact = clock.monotonic();
    this.#refused = false;
    this.#hasSynced = true;
    this.#resolveSynced();
    if (rewound) {
      this.#log.warn('the history of the server went back: the store was rebuilt', { resourceVersion });
    }
  }

  /** @returns whether to accept an older list as the truth */
  #believe(): boolean {
    this.#oldLists += 1;
    return this.#mayGoBack || this.#oldLists >= REWIND_LISTS;
  }

  async #watch(resourceVersion: string, signal: AbortSignal): Promise<void> {
    const { client, type, selection, clock, idleTimeoutMs, gate } = this.#options;
    const started = clock.monotonic();
    const untilRelist = Math.ceil(this.#lists.leftMs(this.#asked.some) / 1000);
    const spread = Math.round(WATCH_SECONDS * (0.9 + this.#random() / 5));
    const timeoutSeconds = Math.max(1, Math.min(spread, untilRelist));
    this.#watching = new AbortController();
    for await (const event of client.watch(type, {
      ...selection,
      resourceVersion,
      timeoutSeconds,
      idleTimeoutMs,
      ...defined({ gate }),
      signal: AbortSignal.any([signal, this.#watching.signal]),
    })) {
      this.#lastContact = clock.monotonic();
      this.#refused = false;
      this.#wasGone = false;
      this.#applyEvent(event);
    }
    if (this.#watching.signal.aborted) return;
    if (!signal.aborted && clock.monotonic() - started < Math.min(SHORT_WATCH_MS, timeoutSeconds * 500)) {
      throw new Error('the watch ended at once');
    }
  }

  #applyEvent({ type, object }: WatchEvent<Raw>): void {
    const { metadata } = object;
    if (type === 'DELETED') this.store.remove(metadata);
    else if (type !== 'BOOKMARK') this.#project(object, (value) => this.store.take(metadata, value));
    // After the change: until then the store does not cover this version. From an empty one a watch would tell of no deletion.
    this.store.advance(metadata.resourceVersion);
    this.#version = metadata.resourceVersion || this.#version;
  }

  #keeps({ namespace = '' }: Version): boolean {
    return this.#options.keep?.(namespace) !== false;
  }

  /** An object that cannot be projected is ignored, as is one that is not kept; the others are not affected. */
  #project(raw: Raw, then: (value: T) => void): void {
    if (!this.#keeps(raw.metadata)) return;
    let value: T;
    try {
      value = this.#options.project(raw);
    } catch (error) {
      const { namespace, name } = raw.metadata;
      this.#log.error('an object was left out', { namespace, name, error });
      return;
    }
    then(value);
  }
}
