/**
 * The port for probes and metrics. It answers anybody, so it reveals and accepts little: GET and HEAD of three paths,
 * small headers, short times, few connections.
 *
 * `/healthz` must not depend on the API server, since a restart of the operator does not bring that back.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from './clock.ts';
import type { Logger } from './log.ts';

/** @returns undefined if all is well, else why not; the reason is logged and not sent to the client */
export type Check = () => string | undefined | Promise<string | undefined>;

export interface HealthServerOptions {
  /** 0 for any free port. */
  readonly port: number;
  /** Default: all addresses. */
  readonly host?: string;
  readonly healthz: Readonly<Record<string, Check>>;
  readonly readyz: Readonly<Record<string, Check>>;
  /** The answer to `/metrics`; a Registry fits. */
  readonly metrics: { readonly contentType: string; metrics(): Promise<string> };
  readonly clock: Clock;
  readonly log: Logger;
}

export interface HealthServer {
  readonly port: number;
  /** Accepts no new connections, lets answers under way end, and closes the rest after a second. */
  close(): Promise<void>;
}

/** A check that keeps failing is logged again after this time, however often it is requested. */
const SAY_AGAIN_MS = 60_000;
const CHECK_MS = 1_000;
const CLOSE_MS = 1_000;

/** @throws the error of listening, such as EADDRINUSE */
export async function serveHealth(options: HealthServerOptions): Promise<HealthServer> {
  const said: Said = new Map();
  const server = createServer(
    {
      maxHeaderSize: 8_192,
      headersTimeout: 5_000,
      requestTimeout: 5_000,
      keepAliveTimeout: 5_000,
      connectionsCheckingInterval: 1_000,
    },
    (request, response) => {
      answer({ ...options, said }, request, response).catch((error: unknown) => {
        options.log.error('a probe could not be answered', { error });
        if (response.headersSent) response.destroy();
        else send(response, 500, 'internal error\n');
      });
    },
  );
  server.maxConnections = 128;
  server.maxHeadersCount = 64;
  server.maxRequestsPerSocket = 1_000;
  // A client that stops reading loses the connection.
  server.setTimeout(10_000, (socket) => socket.destroy());
  await listen(server, options);
  return { port: (server.address() as AddressInfo).port, close: () => close(server, options.clock) };
}

/** The last logged failure of each path, and its time. */
type Said = Map<string, { readonly failed: string; readonly at: number }>;

type Context = HealthServerOptions & { readonly said: Said };

async function answer(options: Context, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.setHeader('allow', 'GET, HEAD');
    response.setHeader('connection', 'close');
    send(response, 405, 'only GET and HEAD\n');
    return;
  }
  const [path, query = ''] = (request.url ?? '').split('?', 2);
  const verbose = new URLSearchParams(query).has('verbose');
  switch (path) {
    case '/healthz':
      return answerChecks(options, 'healthz', verbose, response);
    case '/readyz':
      return answerChecks(options, 'readyz', verbose, response);
    case '/metrics':
      return send(response, 200, await options.metrics.metrics(), options.metrics.contentType);
    default:
      return send(response, 404, 'not found\n');
  }
}

/** The text has the format of Kubernetes' own components. */
async function answerChecks(
  options: Context,
  what: 'healthz' | 'readyz',
  verbose: boolean,
  response: ServerResponse,
): Promise<void> {
  const results = await Promise.all(
    Object.entries(options[what]).map(async ([name, check]) => ({ name, failure: await run(check, options.clock) })),
  );
  const failed = results.filter(({ failure }) => failure !== undefined);
  say(options, what, failed);
  const lines = results.map(({ name, failure }) =>
    failure === undefined ? `[+]${name} ok\n` : `[-]${name} failed: reason withheld\n`,
  );
  const word = failed.length === 0 ? 'passed' : 'failed';
  const text = verbose || failed.length > 0 ? `${lines.join('')}${what} check ${word}\n` : 'ok';
  send(response, failed.length === 0 ? 200 : 500, text);
}

function say(
  { said, clock, log }: Context,
  what: string,
  checks: readonly { readonly name: string; readonly failure: string | undefined }[],
): void {
  const failed = checks.map(({ name }) => name).join();
  const last = said.get(what);
  const now = clock.monotonic();
  if (failed === (last?.failed ?? '') && (failed === '' || now - (last?.at ?? 0) < SAY_AGAIN_MS)) return;
  said.set(what, { failed, at: now });
  if (failed === '') log.info(`${what} passes again`);
  else log.warn(`${what} failed`, { checks: Object.fromEntries(checks.map((f) => [f.name, f.failure])) });
}

async function run(check: Check, clock: Clock): Promise<string | undefined> {
  const limit = new AbortController();
  try {
    const late = clock.sleep(CHECK_MS, limit.signal).then(() => `no answer within ${CHECK_MS} ms`);
    late.catch(() => undefined);
    return await Promise.race([check(), late]);
  } catch (error) {
    return error instanceof Error ? error.message : 'failed';
  } finally {
    limit.abort();
  }
}

function send(response: ServerResponse, status: number, text: string, contentType = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, {
    'content-type': contentType,
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  // For HEAD, node:http leaves the body out.
  response.end(text);
}

function listen(server: Server, { port, host }: HealthServerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function close(server: Server, clock: Clock): Promise<void> {
  return new Promise((resolve) => {
    const timer = clock.setTimeout(() => server.closeAllConnections(), CLOSE_MS);
    server.close(() => {
      timer.cancel();
      resolve();
    });
    server.closeIdleConnections();
  });
}
