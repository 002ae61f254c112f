/**
 * The client of the Kubernetes API: every call that rekey makes, typed by its {@link ResourceType}.
 *
 * Each call has a total time limit, retries only where requester.ts says that it is safe, and throws `KubeError`, or
 * the reason of the caller's signal. Objects are passed as they are on the wire.
 */

import { defined } from '../base/objects.ts';
import { applied, callOf, deletion, hasVersion, listOf, objectOf, pluralsOf, type Request, typed } from './call.ts';
import type { ClusterAccess } from './config.ts';
import { isKubeError, KubeError } from './errors.ts';
import { Transport } from './http.ts';
import type {
  ApplyOptions,
  CallOptions,
  DeleteOptions,
  ListOptions,
  Page,
  WatchOptions,
  WriteOptions,
} from './options.ts';
import { groupPlace, type Place, placeOf, subjectOf } from './paths.ts';
import { Requester, type RequestObservation } from './requester.ts';
import type { Timing } from './timing.ts';
import { type KubeObject, type ObjectKey, PODS, type ResourceType } from './types.ts';
import { type WatchEvent, watchEvents } from './watch.ts';

export interface KubeClientOptions {
  readonly access: ClusterAccess;
  readonly clock: Timing;
  readonly userAgent?: string;
  /** Total time of a read with all its retries, unless the call sets its own. Default 10 s. */
  readonly timeoutMs?: number;
  /**
   * The same of a write. Default 15 s: unless it says otherwise, an admission webhook may take 10 s before the API server goes
   * on without it.
   */
  readonly writeTimeoutMs?: number;
  /** Most parallel connections for calls. Each watch has a connection of its own in addition. Default 64. */
  readonly connections?: number;
  /** Called with every single try. */
  readonly onRequest?: (observation: RequestObservation) => void;
  /** From 0 to 1, for jitter. */
  readonly random?: () => number;
}

const MERGE_PATCH = 'application/merge-patch+json';
const APPLY_PATCH = 'application/apply-patch+yaml';

/** A client with its connections. A process has one, and another one for calls that must not wait for the rest. */
export class KubeClient {
  readonly #transport: Transport;
  readonly #requester: Requester;
  readonly #clock: Timing;
  readonly #timeoutMs: number;
  readonly #writeTimeoutMs: number;

  constructor(options: KubeClientOptions) {
    const { access, clock, userAgent = 'rekey', connections = 64, random = Math.random, onRequest } = options;
    this.#clock = clock;
    this.#timeoutMs = options.timeoutMs ?? 10_000;
    this.#writeTimeoutMs = options.writeTimeoutMs ?? 15_000;
    this.#transport = new Transport({ access, userAgent, connections });
    this.#requester = new Requester({ transport: this.#transport, clock, random, onRequest });
  }

  async get<T extends KubeObject>(type: ResourceType<T>, key: ObjectKey, options: CallOptions = {}): Promise<T> {
    return this.#object(
      type,
      { verb: 'get', method: 'GET', place: placeOf('get', type, key), repeat: 'always' },
      options,
    );
  }

  /** @returns whether the cluster serves this type now: it may be one of a CustomResourceDefinition that is not installed */
  async serves(type: ResourceType<KubeObject>, options: CallOptions = {}): Promise<boolean> {
    const request: Request = { verb: 'discover', method: 'GET', place: groupPlace(type), repeat: 'always' };
    try {
      return pluralsOf(await this.#call(request, options)).includes(type.plural);
    } catch (error) {
      if (isKubeError(error, 'NotFound')) return false;
      throw error;
    }
  }

  /** The whole list in memory. Starts again once if the list expired between two pages. */
  async list<T extends KubeObject>(type: ResourceType<T>, options: ListOptions = {}): Promise<Page<T>> {
    for (let tries = 1; ; tries += 1) {
      try {
        const items: T[] = [];
        let resourceVersion = '';
        for await (const page of this.pages(type, options)) {
          items.push(...page.items);
          resourceVersion = page.resourceVersion;
        }
        return { items, resourceVersion };
      } catch (error) {
        const tooOld = isKubeError(error, 'Gone');
        if (!tooOld || tries > 1) throw error;
      }
    }
  }

  /**
   * The list page by page; the time limit is that of a page.
   *
   * @throws KubeError Gone if the list expired between two pages: start again
   */
  async *pages<T extends KubeObject>(type: ResourceType<T>, options: ListOptions = {}): AsyncGenerator<Page<T>> {
    const { labelSelector, fieldSelector, resourceVersion, limit = 500 } = options;
    let next: string | undefined;
    do {
      const query = {
        labelSelector,
        fieldSelector,
        limit,
        ...(next === undefined ? { resourceVersion } : { continue: next }),
      };
      const place = { type, namespace: options.namespace, query };
      const request: Request = { verb: 'list', method: 'GET', place, repeat: 'always' };
      const page = listOf<T>(request, await this.#call(request, options));
      next = page.next;
      yield { items: page.items, resourceVersion: page.resourceVersion };
    } while (next !== undefined);
  }

  async create<T extends KubeObject>(type: ResourceType<T>, object: T, options: WriteOptions = {}): Promise<T> {
    const { name, namespace } = object.metadata;
    const { namespace: scope } = placeOf('create', type, { name, ...defined({ namespace }) });
    const place = { type, namespace: scope, query: { fieldManager: options.fieldManager } };
    return this.#object(
      type,
      { verb: 'create', method: 'POST', place, repeat: 'if-not-applied', body: typed(type, object) },
      options,
    );
  }

  /**
   * Replaces the object if it is still at its `metadata.resourceVersion`.
   *
   * @throws KubeError Conflict if it is not, BadRequest without a resourceVersion: that would overwrite anything
   */
  async replace<T extends KubeObject>(type: ResourceType<T>, object: T, options: WriteOptions = {}): Promise<T> {
    const place = writePlace('update', type, object.metadata, options);
    if (object.metadata.resourceVersion === undefined) {
      throw new KubeError({
        ...subjectOf('update', place),
        code: 'BadRequest',
        detail: 'metadata.resourceVersion is missing',
      });
    }
    return this.#object(
      type,
      { verb: 'update', method: 'PUT', place, repeat: 'if-not-applied', body: typed(type, object) },
      options,
    );
  }

  /**
   * Server-side apply. On a name that does not exist it creates; with `metadata.uid` in the body it then fails.
   *
   * @see https://kubernetes.io/docs/reference/using-api/server-side-apply/
   */
  async apply<T extends KubeObject>(
    type: ResourceType<T>,
    key: ObjectKey,
    body: object,
    options: ApplyOptions,
  ): Promise<T> {
    const place = writePlace('patch', type, key, options);
    // Applying twice has the effect of applying once, unless the body requires a version, which the first apply changes.
    const repeat = hasVersion(body) ? 'if-not-applied' : 'always';
    return this.#object(
      type,
      { verb: 'patch', method: 'PATCH', place, repeat, body: applied(type, key, body), contentType: APPLY_PATCH },
      options,
    );
  }

  /** JSON merge patch (RFC 7396); conditional if the body has `metadata.resourceVersion` or `metadata.uid`. */
  async mergePatch<T extends KubeObject>(
    type: ResourceType<T>,
    key: ObjectKey,
    body: object,
    options: WriteOptions = {},
  ): Promise<T> {
    const place = writePlace('patch', type, key, options);
    const request: Request = {
      verb: 'patch',
      method: 'PATCH',
      place,
      repeat: 'if-not-applied',
      body,
      contentType: MERGE_PATCH,
    };
    return this.#object(type, request, options);
  }

  async delete(type: ResourceType<KubeObject>, key: ObjectKey, options: DeleteOptions = {}): Promise<void> {
    const body = { apiVersion: 'v1', kind: 'DeleteOptions', ...deletion(options) };
    const place = placeOf('delete', type, key);
    await this.#call({ verb: 'delete', method: 'DELETE', place, repeat: 'if-not-applied', body }, options);
  }

  /**
   * Evicts a pod, which a PodDisruptionBudget may refuse.
   *
   * @throws KubeError TooManyRequests if a budget refuses. There is no retry, since that may last for hours
   * @see https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/
   */
  async evict(key: ObjectKey, options: DeleteOptions = {}): Promise<void> {
    const place = { ...placeOf('evict', PODS, key), subresource: 'eviction' };
    const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: key, deleteOptions: deletion(options) };
    await this.#call({ verb: 'evict', method: 'POST', place, repeat: 'never', body }, options);
  }

  /** @see watchEvents for how it ends */
  watch<T extends KubeObject>(type: ResourceType<T>, options: WatchOptions): AsyncIterable<WatchEvent<T>> {
    const {
      namespace,
      labelSelector,
      fieldSelector,
      resourceVersion,
      timeoutSeconds,
      idleTimeoutMs = 90_000,
      gate,
      signal,
    } = options;
    const query = {
      watch: true,
      allowWatchBookmarks: true,
      resourceVersion,
      timeoutSeconds,
      labelSelector,
      fieldSelector,
    };
    const place = { type, namespace, query };
    const call = callOf({ verb: 'watch', method: 'GET', place, repeat: 'never' });
    return watchEvents<T>(this.#requester, this.#clock, call, {
      endMs: timeoutSeconds * 1000,
      idleTimeoutMs,
      gate,
      signal,
    });
  }

  /** Breaks all connections. */
  close(): Promise<void> {
    return this.#transport.close();
  }

  async #object<T extends KubeObject>(type: ResourceType<T>, request: Request, options: CallOptions): Promise<T> {
    return objectOf(type, request, await this.#call(request, options));
  }

  #call(request: Request, { timeoutMs, signal }: CallOptions): Promise<unknown> {
    const mostMs = request.method === 'GET' ? this.#timeoutMs : this.#writeTimeoutMs;
    return this.#requester.json(callOf(request), timeoutMs ?? mostMs, signal);
  }
}

function writePlace(
  verb: string,
  type: ResourceType<KubeObject>,
  key: ObjectKey,
  options: WriteOptions & { force?: boolean | undefined },
): Place {
  const { fieldManager, force, subresource } = options;
  return { ...placeOf(verb, type, key), subresource, query: { fieldManager, force } };
}
