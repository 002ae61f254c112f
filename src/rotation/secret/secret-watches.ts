/**
 * Tells the version of each Secret, without its content: by a watch of its name, or by a read of its metadata.
 *
 * A watch holds a connection, so their number is bounded. While there are no more resources than that, each Secret is
 * watched. With more, only Secrets are watched whose resource does not rest, emergencies first; each pass over one of
 * the others reads the version. See docs/adr/0030-no-watch-at-rest.md.
 *
 * When the API server comes back, all watches start again, so they pass a gate, and their log lines are limited.
 */
import type { KubeClient } from '../../kube/client.ts';
import { isKubeError } from '../../kube/errors.ts';
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
  /** Most watches. */
  readonly most: number;
  /** How many resources there are. */
  readonly resources: () => number;
  /**
   * Called with each resource whose Secret changed, as `namespace/name`, and with the version that the watch has seen;
   * undefined if the Secret is gone, or is watched no more because another resource needs it more.
   */
  readonly onChange: (resourceKey: string, resourceVersion: string | undefined) => void;
}

/** How much a resource needs to hear of a change at once. */
export type Need = 'Rest' | 'Change' | 'Emergency';

interface Watch {
  /** The needs by resource. */
  readonly resources: Map<string, Need>;
  readonly stop: AbortController;
  readonly since: number;
  readonly reflector: Pick<Reflector<KubeObject, string>, 'store' | 'hasSynced' | 'secondsSinceContact' | 'refused'>;
}

const NEEDS: readonly Need[] = ['Rest', 'Change', 'Emergency'];
/** Lists and starts of watches in parallel. */
const STARTING = 16;
/** A new watch that is silent for longer hangs. */
const PATIENCE_MS = 30_000;
/** A watch sends something at least once a minute, if only a bookmark. */
const STALE_SECONDS = 180;

/** Has a watch for each Secret that needs one, as far as the bound allows. */
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

  /** How many there are. */
  get size(): number {
    return this.#watches.size;
  }

  /** Whether each Secret may be watched: there are few resources. */
  get all(): boolean {
    return this.#options.resources() <= this.#options.most;
  }

  /**
   * Watches this Secret for this resource, instead of an earlier one, if the need and the bound allow it.
   *
   * @returns whether it is watched
   */
  watch(resourceKey: string, namespace: string, secretName: string, need: Need): boolean {
    const secretKey = keyOf({ namespace, name: secretName });
    if (this.#secretOf.get(resourceKey) !== secretKey) this.unwatch(resourceKey);
    if (need === 'Rest' && !this.all) {
      this.unwatch(resourceKey);
      return false;
    }
    const known = this.#watches.get(secretKey);
    if (known === undefined && !this.#makeRoom(need)) return false;
    const watch = known ?? this.#start(secretKey, namespace, secretName);
    watch.resources.set(resourceKey, need);
    this.#secretOf.set(resourceKey, secretKey);
    return true;
  }

  unwatch(resourceKey: string): void {
    const secretKey = this.#secretOf.get(resourceKey);
    if (secretKey === undefined) return;
    this.#secretOf.delete(resourceKey);
    const watch = this.#watches.get(secretKey);
    watch?.resources.delete(resourceKey);
    if (watch !== undefined && watch.resources.size === 0) this.#end(secretKey, watch);
  }

  /**
   * @returns the version of the Secret: the last one that its watch has seen, or the one that it has now if no watch
   *   tells it; undefined if the Secret is absent
   * @throws KubeError if it cannot be read
   */
  async version(namespace: string, secretName: string): Promise<string | undefined> {
    const secretKey = keyOf({ namespace, name: secretName });
    const { reflector } = this.#watches.get(secretKey) ?? {};
    const tells = reflector?.hasSynced() === true && reflector.secondsSinceContact() <= STALE_SECONDS;
    if (tells) return reflector.store.get(secretKey);
    try {
      const { client } = this.#options;
      return (await client.get(metadataOf(SECRETS), { namespace, name: secretName })).metadata.resourceVersion;
    } catch (error) {
      if (isKubeError(error, 'NotFound')) return undefined;
      throw error;
    }
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

  /** Ends the oldest watch that is needed less, if there is no room. @returns whether there is room */
  #makeRoom(need: Need): boolean {
    if (this.#watches.size < this.#options.most) return true;
    for (const [secretKey, watch] of this.#watches) {
      if (Math.max(...[...watch.resources.values()].map(rankOf)) >= rankOf(need)) continue;
      const resources = [...watch.resources.keys()];
      for (const resourceKey of resources) this.#secretOf.delete(resourceKey);
      this.#end(secretKey, watch);
      // their next looks come sooner without a watch
      for (const resourceKey of resources) this.#options.onChange(resourceKey, undefined);
      return true;
    }
    return false;
  }

  #end(secretKey: string, watch: Watch): void {
    watch.stop.abort();
    this.#watches.delete(secretKey);
  }

  #start(secretKey: string, namespace: string, secretName: string): Watch {
    const { client, clock, onChange } = this.#options;
    const log = this.#log.child({ secretName: secretKey });
    const reflector = new Reflector({
      client,
      clock,
      log,
      gate: this.#gate,
      type: metadataOf(SECRETS),
      selection: { namespace, fieldSelector: `metadata.name=${secretName}` },
      project: ({ metadata }) => metadata.resourceVersion ?? '',
    });
    const watch: Watch = { resources: new Map(), stop: new AbortController(), since: clock.monotonic(), reflector };
    reflector.onChange((_, __, version) => {
      for (const resourceKey of watch.resources.keys()) onChange(resourceKey, version);
    });
    reflector.run(watch.stop.signal).catch((error: unknown) => log.error('a watch of a Secret ended', { error }));
    this.#watches.set(secretKey, watch);
    return watch;
  }
}

function rankOf(need: Need): number {
  return NEEDS.indexOf(need);
}
