/**
 * Watches of Secrets, each by its name and without its content: a change wakes the resources that name it.
 *
 * There may be a thousand of them. When the API server comes back they all want to start again, so they pass a gate, and
 * what they log is limited.
 */
import type { KubeClient } from '../../kube/client.ts';
import { Gate } from '../../kube/gate.ts';
import { type KubeObject, metadataOf, SECRETS } from '../../kube/types.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/log.ts';
import { limitedLog } from '../../runtime/log-limit.ts';
import { Reflector } from '../../runtime/reflector.ts';
import { keyOf } from '../../runtime/store.ts';

export interface SecretWatchesOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Logger;
  /** Told of the resources whose Secret changed, by `namespace/name`. */
  readonly onChange: (resourceKey: string) => void;
}

interface Watch {
  readonly resources: Set<string>;
  readonly stop: AbortController;
  readonly since: number;
  readonly reflector: Pick<Reflector<KubeObject, string>, 'store' | 'hasSynced' | 'secondsSinceContact' | 'refused'>;
}

/** Lists, and starts of a watch, at the same time. */
const STARTING = 16;
/** A new watch has told something after so long, or it hangs. */
const PATIENCE_MS = 30_000;
/** A watch tells something once a minute at least, if only a bookmark. */
const STALE_SECONDS = 180;

/** A watch for each Secret that some resource names; of a Secret it learns the version, never the content. */
export class SecretWatches {
  readonly #options: SecretWatchesOptions;
  readonly #watches = new Map<string, Watch>();
  readonly #secretOf = new Map<string, string>();
  readonly #gate = new Gate(STARTING);
  readonly #log: Logger;

  constructor(options: SecretWatchesOptions) {
    this.#options = options;
    this.#log = limitedLog(options.log, options.clock);
  }

  /** Watches this Secret for this resource, and for it no other. */
  watch(resourceKey: string, namespace: string, secretName: string): void {
    const secretKey = keyOf({ namespace, name: secretName });
    if (this.#secretOf.get(resourceKey) === secretKey) return;
    this.unwatch(resourceKey);
    this.#secretOf.set(resourceKey, secretKey);
    const watch = this.#watches.get(secretKey) ?? this.#start(secretKey, namespace, secretName);
    watch.resources.add(resourceKey);
  }

  unwatch(resourceKey: string): void {
    const secretKey = this.#secretOf.get(resourceKey);
    if (secretKey === undefined) return;
    this.#secretOf.delete(resourceKey);
    const watch = this.#watches.get(secretKey);
    watch?.resources.delete(resourceKey);
    if (watch === undefined || watch.resources.size > 0) return;
    watch.stop.abort();
    this.#watches.delete(secretKey);
  }

  /** @returns the version that the watch last told; undefined if the Secret is absent, or nothing was told yet */
  resourceVersion(namespace: string, secretName: string): string | undefined {
    const secretKey = keyOf({ namespace, name: secretName });
    return this.#watches.get(secretKey)?.reflector.store.get(secretKey);
  }

  /**
   * For readiness. A Secret that may not be read is no fault of the watch: its resource says so.
   *
   * @returns which watches cannot be trusted now; undefined if there are none
   */
  failure(): string | undefined {
    const now = this.#options.clock.monotonic();
    const doubtful = ({ since, reflector }: Watch): boolean => {
      if (reflector.refused()) return false;
      if (!reflector.hasSynced()) return now - since > PATIENCE_MS;
      return reflector.secondsSinceContact() > STALE_SECONDS;
    };
    const failed = [...this.#watches].filter(([, watch]) => doubtful(watch)).map(([secretKey]) => secretKey);
    if (failed.length === 0) return undefined;
    return `${failed.length} of ${this.#watches.size} watches of Secrets are silent, that of ${failed[0]} among them`;
  }

  close(): void {
    for (const { stop } of this.#watches.values()) stop.abort();
    this.#watches.clear();
    this.#secretOf.clear();
  }

  #start(secretKey: string, namespace: string, secretName: string): Watch {
    const { client, clock, onChange } = this.#options;
    const log = this.#log.child({ secret: secretKey });
    const reflector = new Reflector({
      client,
      clock,
      log,
      gate: this.#gate,
      type: metadataOf(SECRETS),
      selection: { namespace, fieldSelector: `metadata.name=${secretName}` },
      project: ({ metadata }) => metadata.resourceVersion ?? '',
    });
    const watch: Watch = { resources: new Set(), stop: new AbortController(), since: clock.monotonic(), reflector };
    reflector.onChange(() => {
      for (const resourceKey of watch.resources) onChange(resourceKey);
    });
    reflector.run(watch.stop.signal).catch((error: unknown) => log.error('a watch of a Secret ended', { error }));
    this.#watches.set(secretKey, watch);
    return watch;
  }
}
