/**
 * A service in this process: it verifies tokens with the keys that it has loaded from its .env file, and loads it again when it is
 * said to. It may have several workers behind one port, as with cluster or gunicorn: each connection goes to one of them.
 */
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface Service {
  /** Of its canary. */
  readonly url: string;
  /** As a restart does. @param worker all if absent */
  load(worker?: number): void;
  /** A command for a shell that does the same. */
  loadCommand(worker?: number): string;
  /** Keys that it accepts from elsewhere, whatever its file says. */
  readonly also: string[];
  /** Those that its first worker has loaded. */
  readonly keys: () => readonly string[];
  /** How many canaries have come. */
  readonly asked: () => number;
  /** How many of them it has answered with 429. */
  readonly limited: () => number;
  /** Over how many connections. */
  readonly connections: () => number;
}

/** So many canaries in so many milliseconds; then 429 with Retry-After. */
export interface Limit {
  readonly requests: number;
  readonly ms: number;
}

/** @param path its .env file, absolute; undefined until there is one */
export async function openService(path: () => string, workers = 1, limit?: Limit): Promise<Service> {
  const keysOf: (readonly string[])[] = Array.from({ length: workers }, () => []);
  const workerOf = new WeakMap<object, number>();
  let asked = 0;
  let connections = 0;
  let limited = 0;
  let span = { from: 0, count: 0 };
  const also: string[] = [];
  const load = (worker?: number) => {
    const text = readFileSync(path(), 'utf8');
    const keys = ['JWT_SECRET_KEY', 'JWT_SECRET_KEY_FALLBACKS'].flatMap(
      (name) => new RegExp(`^${name}=(.*)$`, 'm').exec(text)?.[1]?.split(',') ?? [],
    );
    for (const i of keysOf.keys()) if (worker === undefined || i === worker) keysOf[i] = keys;
  };
  const server = createServer((request, response) => {
    const [, said] = /^\/load\/(\d*)$/.exec(request.url ?? '') ?? [];
    if (said !== undefined) {
      load(said === '' ? undefined : Number(said));
      return void response.end();
    }
    asked += 1;
    if (limit !== undefined) {
      const now = Date.now();
      if (now >= span.from + limit.ms) span = { from: now, count: 0 };
      span.count += 1;
      if (span.count > limit.requests) {
        limited += 1;
        const seconds = Math.ceil((span.from + limit.ms - now) / 1000);
        return void response.writeHead(429, { 'retry-after': String(seconds) }).end();
      }
    }
    const keys = keysOf[workerOf.get(request.socket) ?? 0] ?? [];
    const [head, payload, signature] = (request.headers.authorization ?? '').slice('Bearer '.length).split('.');
    const isFrom = (key: string) =>
      createHmac('sha256', key).update(`${head}.${payload}`).digest('base64url') === signature;
    response.writeHead([...keys, ...also].some(isFrom) ? 200 : 401).end();
  });
  server.on('connection', (socket) => {
    connections += 1;
    workerOf.set(socket, Math.floor(Math.random() * workers));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `${base}/verify`,
    load,
    loadCommand: (worker) => `'${process.execPath}' -e 'fetch(process.argv[1])' ${base}/load/${worker ?? ''}`,
    also,
    keys: () => keysOf[0] ?? [],
    asked: () => asked,
    connections: () => connections,
    limited: () => limited,
  };
}
