import { setTimeout as sleep } from 'node:timers/promises';
import { loadAll } from 'js-yaml';
import { Agent, type Dispatcher, request } from 'undici';
import { type Credentials, readKubeconfig, writeKubeconfig } from './kubeconfig.ts';
import { KubeApiError, type KubeList, type KubeObject, type WatchEvent } from './kubeobject.ts';
import { pathOf, resourceOf, type Target } from './resources.ts';
import { readLines } from './watch-lines.ts';

/** A raw request; `body` is sent as JSON. */
export interface RawRequest {
  readonly method?: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>;
  readonly body?: unknown;
  readonly contentType?: string;
  readonly signal?: AbortSignal;
}

/** What to list or watch. */
export interface Selection extends Target {
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
  readonly resourceVersion?: string;
  readonly resourceVersionMatch?: 'Exact' | 'NotOlderThan';
}

/** How a patch is read: RFC 7386, Kubernetes' own strategic merge, or server-side apply. */
export type PatchType = 'merge' | 'strategic' | 'apply';

const contentTypes: Readonly<Record<PatchType, string>> = {
  merge: 'application/merge-patch+json',
  strategic: 'application/strategic-merge-patch+json',
  apply: 'application/apply-patch+yaml',
};

/**
 * A small client of the API server for test code. It shares nothing with src/,
 * so that a mistake there cannot hide itself here. HTTP/1.1, no retries, no
 * cache: every call is one request.
 *
 * All methods throw `KubeApiError` when the server refuses and undici's errors
 * when it cannot be reached.
 */
export class KubeApi {
  readonly credentials: Credentials;
  readonly #agent: Agent;
  readonly #userAgent: string;

  constructor(credentials: Credentials, userAgent = 'rekey-tests') {
    this.credentials = credentials;
    this.#userAgent = userAgent;
    const { ca, cert, key } = credentials;
    this.#agent = new Agent({
      allowH2: false,
      bodyTimeout: 0,
      connect: { ca, ...(cert === undefined ? {} : { cert }), ...(key === undefined ? {} : { key }) },
    });
  }

  static fromKubeconfig(path: string, userAgent?: string): KubeApi {
    return new KubeApi(readKubeconfig(path), userAgent);
  }

  /** Ends all connections, watches included. */
  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  get<T extends KubeObject = KubeObject>(target: Target): Promise<T> {
    return this.raw<T>({ path: pathOf(target) });
  }

  /** Like `get`, but undefined when there is no such object. */
  async find<T extends KubeObject = KubeObject>(target: Target): Promise<T | undefined> {
    try {
      return await this.get<T>(target);
    } catch (error) {
      if (error instanceof KubeApiError && error.status === 404) return undefined;
      throw error;
    }
  }

  list<T extends KubeObject = KubeObject>(selection: Selection): Promise<KubeList<T>> {
    return this.raw<KubeList<T>>({ path: pathOf(selection), query: selectors(selection) });
  }

  /** Creates an object whose kind is in resources.ts; kind, namespace and name come from the object. */
  create<T extends KubeObject = KubeObject>(object: KubeObject, subresource?: string): Promise<T> {
    const { kind, namespace, name } = targetOf(object);
    const target = subresource === undefined ? { kind, namespace } : { kind, namespace, name, subresource };
    return this.raw<T>({ method: 'POST', path: pathOf(target), body: withApiVersion(object) });
  }

  /** Replaces an object; with `metadata.resourceVersion` only if it is still at that version. */
  replace<T extends KubeObject = KubeObject>(object: KubeObject, subresource?: string): Promise<T> {
    const path = pathOf({ ...targetOf(object), subresource });
    return this.raw<T>({ method: 'PUT', path, body: withApiVersion(object) });
  }

  /** @param fieldManager the owner of the fields; obligatory with `apply` (default: rekey-tests) */
  patch<T extends KubeObject = KubeObject>(
    target: Target,
    patch: unknown,
    type: PatchType = 'merge',
    fieldManager = 'rekey-tests',
  ): Promise<T> {
    const query = { fieldManager, ...(type === 'apply' ? { force: true } : {}) };
    return this.raw<T>({
      method: 'PATCH',
      path: pathOf(target),
      query,
      body: patch,
      contentType: contentTypes[type],
    });
  }

  /** Deletes; `options` is a DeleteOptions object (gracePeriodSeconds, preconditions, propagationPolicy). */
  async delete(target: Target, options: Readonly<Record<string, unknown>> = {}): Promise<void> {
    await this.raw({ method: 'DELETE', path: pathOf(target), body: options });
  }

  /**
   * Applies each document of a YAML text by server-side apply, in order.
   * @param namespace for namespaced objects that do not say theirs
   * @returns the objects as the server now has them
   */
  async apply(yaml: string, namespace?: string, fieldManager = 'rekey-tests'): Promise<KubeObject[]> {
    const applied: KubeObject[] = [];
    for (const document of loadAll(yaml)) {
      if (document === null || document === undefined) continue;
      const object = document as KubeObject;
      const target = targetOf(object);
      const at = resourceOf(target.kind).namespaced ? { ...target, namespace: target.namespace ?? namespace } : target;
      applied.push(await this.patch(at, withApiVersion(object), 'apply', fieldManager));
    }
    return applied;
  }

  /**
   * Watches, from `resourceVersion` or else from now with an ADDED for
   * everything there is. Goes on after a lost connection where it stopped.
   * Ends without an error when the signal aborts.
   * @throws KubeApiError 410 when the server no longer has the history: list again
   */
  async *watch<T extends KubeObject = KubeObject>(
    selection: Selection,
    signal: AbortSignal,
  ): AsyncGenerator<WatchEvent<T>, void, undefined> {
    let resourceVersion = selection.resourceVersion;
    while (!signal.aborted) {
      try {
        const query = { ...selectors(selection), resourceVersion, watch: true, allowWatchBookmarks: true };
        const response = await this.#send({ path: pathOf(selection), query, signal });
        if (response.statusCode !== 200) throw await toError(response);
        for await (const line of readLines(response.body)) {
          const event = JSON.parse(line) as WatchEvent<T> | { readonly type: 'ERROR'; readonly object: StatusObject };
          if (event.type === 'ERROR') {
            const { code = 500, reason = '', message = '' } = event.object;
            throw new KubeApiError(code, reason, message);
          }
          resourceVersion = event.object.metadata.resourceVersion;
          yield event;
        }
      } catch (error) {
        if (signal.aborted) return;
        // A refusal is the caller's business; anything else is the connection, and the server may come back.
        if (error instanceof KubeApiError && error.status < 500 && error.status !== 429) throw error;
        // Without a version a new watch would repeat everything as ADDED.
        if (resourceVersion === undefined) throw error;
      }
      await sleep(100, undefined, { signal }).catch(() => {});
    }
  }

  /** Any request; the answer is parsed as JSON when it is JSON, else it is the text. */
  async raw<T>(options: RawRequest): Promise<T> {
    const response = await this.#send(options);
    if (response.statusCode >= 300) throw await toError(response);
    const text = await response.body.text();
    const type = String(response.headers['content-type'] ?? '');
    return (type.startsWith('application/json') ? JSON.parse(text) : text) as T;
  }

  /**
   * Gets a token for a ServiceAccount and writes a kubeconfig that uses it, to
   * run a program with exactly the rights of that account.
   */
  async serviceAccountKubeconfig(namespace: string, name: string, path: string): Promise<Credentials> {
    const token = await this.raw<{ readonly status: { readonly token: string } }>({
      method: 'POST',
      path: pathOf({ kind: 'ServiceAccount', namespace, name, subresource: 'token' }),
      body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { expirationSeconds: 86_400 } },
    });
    const { url, ca } = this.credentials;
    const credentials = { url, ca, token: token.status.token };
    writeKubeconfig(path, name, credentials);
    return credentials;
  }

  #send({ method = 'GET', path, query, body, contentType, signal }: RawRequest): Promise<Dispatcher.ResponseData> {
    const { url, token } = this.credentials;
    const search = new URLSearchParams();
    for (const [name, value] of Object.entries(query ?? {})) if (value !== undefined) search.set(name, String(value));
    return request(`${url}${path}${search.size === 0 ? '' : `${path.includes('?') ? '&' : '?'}${search}`}`, {
      method,
      dispatcher: this.#agent,
      headers: {
        accept: 'application/json',
        'user-agent': this.#userAgent,
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { 'content-type': contentType ?? 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal === undefined ? {} : { signal }),
    });
  }
}

interface StatusObject {
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
}

async function toError(response: Dispatcher.ResponseData): Promise<KubeApiError> {
  const text = await response.body.text();
  try {
    const status = JSON.parse(text) as StatusObject;
    return new KubeApiError(response.statusCode, status.reason ?? '', status.message ?? text);
  } catch {
    return new KubeApiError(response.statusCode, '', text.trim() || `HTTP ${response.statusCode}`);
  }
}

function targetOf(object: KubeObject): Target & { readonly kind: string } {
  if (object.kind === undefined) throw new Error(`the object ${object.metadata.name} has no kind`);
  return { kind: object.kind, namespace: object.metadata.namespace, name: object.metadata.name };
}

function withApiVersion(object: KubeObject): KubeObject {
  return { ...object, apiVersion: object.apiVersion ?? resourceOf(targetOf(object).kind).apiVersion };
}

function selectors({ labelSelector, fieldSelector, resourceVersion, resourceVersionMatch }: Selection) {
  return { labelSelector, fieldSelector, resourceVersion, resourceVersionMatch };
}
