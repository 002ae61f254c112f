/**
 * Watches of Secrets, each by its name and without its content: a change wakes the resources that name it.
 */
import type { KubeClient } from '../../kube/client.ts';
import { metadataOf, SECRETS } from '../../kube/types.ts';
import type { Clock } from '../../runtime/clock.ts';
import type { Logger } from '../../runtime/log.ts';
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
  readonly reflector: { readonly store: { get(key: string): string | undefined } };
}

export class SecretWatches {
  readonly #options: SecretWatchesOptions;
  readonly #watches = new Map<string, Watch>();
  readonly #secretOf = new Map<string, string>();

  constructor(options: SecretWatchesOptions) {
    this.#options = options;
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

  close(): void {
    for (const { stop } of this.#watches.values()) stop.abort();
    this.#watches.clear();
    this.#secretOf.clear();
  }

  #start(secretKey: string, namespace: string, secretName: string): Watch {
    const { client, clock, log, onChange } = this.#options;
    const reflector = new Reflector({
      client,
      clock,
      log,
      type: metadataOf(SECRETS),
      selection: { namespace, fieldSelector: `metadata.name=${secretName}` },
      project: ({ metadata }) => metadata.resourceVersion ?? '',
    });
    const watch: Watch = { resources: new Set(), stop: new AbortController(), reflector };
    reflector.onChange(() => {
      for (const resourceKey of watch.resources) onChange(resourceKey);
    });
    reflector.run(watch.stop.signal).catch((error: unknown) => log.error('a watch of a Secret ended', { error }));
    this.#watches.set(secretKey, watch);
    return watch;
  }
}
