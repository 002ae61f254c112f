/**
 * A {@link Reflector} of a type that the cluster may not serve, or that this process may not be allowed to read. It
 * runs while the type is served and readable, and checks that at a slow pace: a watch of an absent type would fail
 * again and again.
 */
import type { KubeClient } from '../kube/client.ts';
import { isKubeError } from '../kube/errors.ts';
import type { KubeObject } from '../kube/types.ts';
import { Backoff } from './backoff.ts';
import { Reflector } from './reflector.ts';
import type { ReflectorOptions } from './reflector-options.ts';
import type { Store } from './store.ts';

export type Availability = 'Served' | 'Absent' | 'Forbidden';

export interface OptionalReflectorOptions<Raw extends KubeObject, T> extends ReflectorOptions<Raw, T> {
  readonly client: Pick<KubeClient, 'pages' | 'watch' | 'serves'>;
  /** Called with each change, including the first answer. */
  readonly onChange?: (availability: Availability) => void;
  /** Time between two checks. Default 30 s. */
  readonly pollMs?: number;
}

/** A reflector of a type that the cluster may not serve yet. */
export class OptionalReflector<Raw extends KubeObject, T> {
  readonly store: Store<T>;
  /** Resolves with the first complete list, or once it is known that there is none. */
  readonly synced: Promise<void>;
  readonly #options: OptionalReflectorOptions<Raw, T>;
  readonly #reflector: Reflector<Raw, T>;
  readonly #resolveAbsent: () => void;
  readonly #backoff: Backoff;
  #availability: Availability | undefined;
  #stop = new AbortController();
  #running: Promise<void> | undefined;

  constructor(options: OptionalReflectorOptions<Raw, T>) {
    const { clock, random = Math.random, pollMs = 30_000 } = options;
    this.#options = options;
    this.#reflector = new Reflector(options);
    this.#backoff = new Backoff({ clock, random, baseMs: 800, capMs: pollMs, resetAfterMs: 120_000 });
    this.store = this.#reflector.store;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#resolveAbsent = resolve;
    this.synced = Promise.race([promise, this.#reflector.synced]);
  }

  /** Undefined until it is known. */
  availability(): Availability | undefined {
    return this.#availability;
  }

  /** A type that cannot be read counts as synced. */
  hasSynced(): boolean {
    if (this.#availability === undefined) return false;
    return this.#availability !== 'Served' || this.#reflector.hasSynced();
  }

  /** As that of a {@link Reflector}; a type that cannot be read needs no list. */
  async relist(): Promise<void> {
    if (this.#availability === 'Served') await this.#reflector.relist();
  }

  secondsSinceContact(): number {
    return this.#availability === 'Served' ? this.#reflector.secondsSinceContact() : 0;
  }

  /** Runs until the signal is aborted; never rejects. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, pollMs = 30_000, log, type } = this.#options;
    while (!signal.aborted) {
      let pauseMs = pollMs;
      try {
        await this.#become(await this.#ask(signal), signal);
      } catch (error) {
        pauseMs = this.#backoff.next();
        if (!signal.aborted) log.warn('it is not known whether a type is served', { type: type.plural, error });
      }
      await clock.sleep(pauseMs, signal).catch(() => undefined);
    }
    await this.#running;
  }

  async #ask(signal: AbortSignal): Promise<Availability> {
    const { client, type, selection } = this.#options;
    if (!(await client.serves(type, { signal }))) return 'Absent';
    if (this.#running !== undefined && !this.#reflector.refused()) return 'Served';
    try {
      await client.pages(type, { ...selection, limit: 1, signal }).next();
      return 'Served';
    } catch (error) {
      if (isKubeError(error, 'Forbidden')) return 'Forbidden';
      throw error;
    }
  }

  async #become(availability: Availability, signal: AbortSignal): Promise<void> {
    if (availability === this.#availability) return;
    const { log, type, onChange } = this.#options;
    log.info('a type that need not be served', { type: type.plural, availability });
    if (availability === 'Served') {
      this.#stop = new AbortController();
      this.#running = this.#reflector.run(AbortSignal.any([signal, this.#stop.signal]));
    } else {
      this.#stop.abort();
      await this.#running;
      this.#running = undefined;
      this.#reflector.forget();
      this.#resolveAbsent();
    }
    this.#availability = availability;
    onChange?.(availability);
  }
}
