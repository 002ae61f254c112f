/**
 * Connections to the API server: one pool for calls, and one for watches, each of which holds a connection for minutes.
 * So a call never waits for a watch, however many there are.
 *
 * It uses HTTP/1.1 on purpose: over HTTP/2 all watches and calls share one socket, and if that goes silent, all of them
 * hang. It follows no redirect, and builds the pools again when a certificate changes.
 */

import { createSecureContext } from 'node:tls';
import { Agent, type Dispatcher, ProxyAgent } from 'undici';
import { defined } from '../base/objects.ts';
import type { ClusterAccess, TlsMaterial } from './config.ts';
import { abortable } from './deadline.ts';

export interface WireRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** From the API root, with the query. */
  readonly path: string;
  readonly accept: string;
  readonly contentType?: string | undefined;
  readonly body?: string | undefined;
  /** Whether the answer is a stream that holds its connection, such as a watch. */
  readonly stream?: boolean | undefined;
  readonly signal: AbortSignal;
}

export interface WireResponse {
  readonly status: number;
  header(name: string): string | undefined;
  /** Read it to the end or destroy it, otherwise the pool loses its connection. */
  readonly body: Dispatcher.ResponseData['body'];
}

export interface TransportOptions {
  readonly access: ClusterAccess;
  readonly userAgent: string;
  /** Most parallel connections for calls. Each stream has a connection of its own. */
  readonly connections: number;
}

/** There were no credentials, so nothing was sent. */
export class CredentialsError extends Error {
  override readonly name = 'CredentialsError';
}

/** An answer that is longer than its limit. */
export class TooLargeError extends Error {
  override readonly name = 'TooLargeError';
}

interface Pools {
  readonly calls: Dispatcher;
  readonly streams: Dispatcher;
  readonly tls: TlsMaterial;
}

/** Sends requests. It does not know objects, statuses or retries. */
export class Transport {
  readonly #options: TransportOptions;
  readonly #prefix: string;
  #pools: Pools | undefined;

  constructor(options: TransportOptions) {
    this.#options = options;
    this.#prefix = options.access.server.pathname.replace(/\/+$/, '');
  }

  get host(): string {
    return this.#options.access.server.host;
  }

  /**
   * @returns as soon as the headers have arrived, whatever the status
   * @throws the signal's reason, {@link CredentialsError}, or the error of the connection
   */
  async send(request: WireRequest): Promise<WireResponse> {
    const { access, userAgent } = this.#options;
    const { headers, tls } = await abortable(this.#credentials(), request.signal);
    const { calls, streams } = this.#poolsFor(tls);
    const {
      statusCode,
      headers: received,
      body,
    } = await (request.stream === true ? streams : calls).request({
      origin: access.server.origin,
      path: `${this.#prefix}${request.path}`,
      method: request.method,
      headers: {
        ...headers,
        accept: request.accept,
        'user-agent': userAgent,
        ...defined({ 'content-type': request.contentType }),
      },
      body: request.body ?? null,
      signal: request.signal,
    });
    // Without a listener, an aborted request whose body nobody reads would raise an unhandled error.
    body.on('error', () => undefined);
    return { status: statusCode, header: (name) => headerOf(received[name]), body };
  }

  /** Makes the next request read tokens and certificates again. @returns whether they can be read */
  refreshCredentials(): boolean {
    try {
      this.#options.access.refresh();
      return true;
    } catch {
      return false;
    }
  }

  /** Breaks all connections; requests under way fail. */
  async close(): Promise<void> {
    const pools = this.#pools;
    this.#pools = undefined;
    await Promise.all([pools?.calls.destroy(), pools?.streams.destroy()]);
  }

  async #credentials() {
    try {
      return await this.#options.access.credentials();
    } catch (error) {
      throw new CredentialsError(error instanceof Error ? error.message : String(error));
    }
  }

  #poolsFor(tls: TlsMaterial): Pools {
    const old = this.#pools;
    if (old !== undefined && sameTls(old.tls, tls)) return old;
    const { access, connections } = this.#options;
    // builds the new pools first: a half-written certificate throws, and then the old pools must stay
    this.#pools = { calls: buildAgent(access, tls, connections), streams: buildAgent(access, tls), tls };
    // Requests under way end on the old pools, which close after the last of them.
    for (const pool of [old?.calls, old?.streams]) pool?.close().catch(() => undefined);
    return this.#pools;
  }
}

/**
 * @param limitBytes most bytes to keep in memory
 * @throws TooLargeError beyond; the connection is closed then
 */
export async function readText(body: WireResponse['body'], limitBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > limitBytes) throw new TooLargeError(`the answer is longer than ${limitBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function headerOf(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value[0] : value;
}

/** @param connections unlimited if absent */
function buildAgent(access: ClusterAccess, tls: TlsMaterial, connections?: number): Dispatcher {
  const material = Object.fromEntries(Object.entries(tls).filter(([, value]) => value !== undefined));
  const pool = {
    allowH2: false,
    ...defined({ connections }),
    pipelining: 1,
    keepAliveTimeout: 30_000,
    // Callers set time limits by the injected clock; these apply only if a caller forgets.
    headersTimeout: 120_000,
    bodyTimeout: 0,
  };
  if (access.proxyUrl !== undefined) return new ProxyAgent({ ...pool, uri: access.proxyUrl, requestTls: material });
  // Certificates are parsed once, not for each connection: there may be a thousand.
  const secureContext = createSecureContext(material);
  return new Agent({
    ...pool,
    connect: { ...material, secureContext, timeout: 10_000, keepAlive: true, keepAliveInitialDelay: 30_000 },
  });
}

function sameTls(a: TlsMaterial, b: TlsMaterial): boolean {
  const plain = a.servername === b.servername && a.rejectUnauthorized === b.rejectUnauthorized;
  return plain && sameBytes(a.ca, b.ca) && sameBytes(a.cert, b.cert) && sameBytes(a.key, b.key);
}

function sameBytes(a: string | Buffer | undefined, b: string | Buffer | undefined): boolean {
  if (a === b) return true;
  if (a === undefined || b === undefined) return false;
  return Buffer.from(a).equals(Buffer.from(b));
}
