/**
 * Watches Secrets by name, without their content. A change wakes the resources that name the Secret.
 *
 * There may be a thousand watches. When the API server comes back, all of them start again, so they pass a gate, and
 * their log lines are limited.
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
  /** Called with each resource whose Secret changed, as `namespace/name`. */
  readonly onChange: (resourceKey: string) => void;
}

interface Watch {
  readonly resources: Set<string>;
  readonly stop: AbortController;
  readonly since: number;
  readonly reflector: Pick<Reflector<KubeObject, string>, 'store' | 'hasSynced' | 'secondsSinceContact' | 'refused'>;
}

/** Lists and starts of watches in parallel. */
const STARTING = 16;
/** A new watch that is silent for longer hangs. */
const PATIENCE_MS = 30_000;
/** A watch sends something at least once a minute, if only a bookmark. */
const STALE_SECONDS = 180;

/** Has a watch for each Secret that some resource names. It learns the version of a Secret, never its content. */
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

  /** Watches this Secret for this resource, instead of an earlier one. */
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

  /** @returns the last version that the watch has seen; undefined if the Secret is absent or not seen yet */
  resourceVersion(namespace: string, secretName: string): string | undefined {
    const secretKey = keyOf({ namespace, name: secretName });
    return this.#watches.get(secretKey)?.reflector.store.get(secretKey);
  }

  /**
   * For readiness. A Secret that rekey may not read is not a fault of the watch: the status of the resource reports it.
   *
   * @returns which watches cannot be trusted now; undefined if all can
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
