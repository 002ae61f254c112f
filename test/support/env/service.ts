/**
 * A service in this process: it verifies tokens with the keys that it has loaded from its .env file, and loads it again when it is
 * said to.
 */
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface Service {
  /** Of its canary. */
  readonly url: string;
  /** As a restart does. */
  load(): void;
  /** Keys that it accepts from elsewhere, whatever its file says. */
  readonly also: string[];
  /** Those that it has loaded. */
  readonly keys: () => readonly string[];
  /** How many canaries have come. */
  readonly asked: () => number;
}

/** @param path its .env file, absolute; undefined until there is one */
export async function openService(path: () => string): Promise<Service> {
  let keys: readonly string[] = [];
  let asked = 0;
  const also: string[] = [];
  const server = createServer((request, response) => {
    asked += 1;
    const [head, payload, signature] = (request.headers.authorization ?? '').slice('Bearer '.length).split('.');
    const isFrom = (key: string) =>
      createHmac('sha256', key).update(`${head}.${payload}`).digest('base64url') === signature;
    response.writeHead([...keys, ...also].some(isFrom) ? 200 : 401).end();
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/verify`,
    load: () => {
      const text = readFileSync(path(), 'utf8');
      keys = ['JWT_SECRET_KEY', 'JWT_SECRET_KEY_FALLBACKS'].flatMap(
        (name) => new RegExp(`^${name}=(.*)$`, 'm').exec(text)?.[1]?.split(',') ?? [],
      );
    },
    also,
    keys: () => keys,
    asked: () => asked,
  };
}
