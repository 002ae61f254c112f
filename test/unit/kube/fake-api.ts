import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { KubeClient, type KubeClientOptions } from '../../../src/kube/client.ts';
import type { ClusterAccess } from '../../../src/kube/config.ts';
import { systemClock } from '../../../src/runtime/clock.ts';

export interface Received {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  /** Breaks the connection as a crash does. */
  readonly reset: () => void;
}

export type Handler = (request: Received, response: ServerResponse) => void;

export interface FakeApi extends AsyncDisposable {
  readonly access: ClusterAccess;
  readonly received: Received[];
  readonly connections: () => number;
  /** A client of it; it is closed with the server. */
  client(options?: Partial<KubeClientOptions>): KubeClient;
}

/** A server on loopback that answers as a test says. Requests are answered in turn by the handlers, then by the last. */
export async function fakeApi(...handlers: readonly Handler[]): Promise<FakeApi> {
  const received: Received[] = [];
  const clients: KubeClient[] = [];
  let connections = 0;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { pathname, searchParams } = new URL(request.url ?? '', 'http://api');
      const entry: Received = {
        method: request.method ?? '',
        path: pathname,
        query: searchParams,
        headers: request.headers,
        body: Buffer.concat(chunks).toString(),
        reset: () => (request.socket as Socket).resetAndDestroy(),
      };
      received.push(entry);
      handlers[Math.min(received.length, handlers.length) - 1]?.(entry, response);
    });
  });
  server.on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const access: ClusterAccess = {
    server: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    namespace: 'default',
    proxyUrl: undefined,
    credentials: async () => ({ headers: { Authorization: 'Bearer s3cret' }, tls: {} }),
    refresh: () => undefined,
  };
  return {
    access,
    received,
    connections: () => connections,
    client: (options = {}) => {
      const client = new KubeClient({ access, clock: systemClock, ...options });
      clients.push(client);
      return client;
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(clients.map((client) => client.close()));
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

export function json(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Handler {
  return (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  };
}

/** What the API server answers when it refuses. */
export function refusal(
  code: number,
  reason: string,
  message: string,
  headers?: Readonly<Record<string, string>>,
): Handler {
  return json(code, { kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message }, headers);
}

export const hang: Handler = () => undefined;
export const reset: Handler = (request) => request.reset();

export const secret = (name: string, resourceVersion = '7') => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { namespace: 'shop', name, uid: `uid-${name}`, resourceVersion },
  data: { JWT_SECRET_KEY: 'c2VjcmV0' },
});

/** A watch answer that writes each piece as its own chunk, and then stays open unless it is ended. */
export function stream(pieces: readonly (string | Buffer)[], end: 'open' | 'end' | 'reset' = 'end'): Handler {
  return (request, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.flushHeaders();
    const write = (index: number) => {
      const piece = pieces[index];
      if (piece === undefined) {
        if (end === 'end') response.end();
        if (end === 'reset') request.reset();
        return;
      }
      response.write(piece, () => setImmediate(() => write(index + 1)));
    };
    write(0);
  };
}

export async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of source) all.push(item);
  return all;
}

/** @returns what the promise rejects with */
export async function failure(promise: Promise<unknown>): Promise<Error & Record<string, unknown>> {
  try {
    await promise;
  } catch (error) {
    return error as Error & Record<string, unknown>;
  }
  throw new Error('it did not fail');
}
