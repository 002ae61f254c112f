import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { PodEndpoint } from '../../support/traffic/endpoints.ts';

/** What a fake pod answers at /auth/verify: a status, or no answer at all. */
export type Answer = number | 'hang up';

/** A pod whose verdicts the test chooses; it signs nothing and checks nothing. */
export interface FakePod extends AsyncDisposable {
  endpoint: PodEndpoint;
  answer: Answer;
  /** Each token that was shown, with the times in milliseconds since the epoch. */
  readonly seen: Map<string, number[]>;
}

/** Starts a fake pod that issues unsigned tokens of `ttlSeconds` and answers as told. */
export async function fakePod(service: string, ttlSeconds = 30): Promise<FakePod> {
  const server = createServer((request, response) => {
    request.resume();
    if (request.method === 'POST') {
      response.end(JSON.stringify({ token: unsignedToken(ttlSeconds) }));
      return;
    }
    const token = request.headers.authorization?.slice('Bearer '.length) ?? '';
    fake.seen.set(token, [...(fake.seen.get(token) ?? []), Date.now()]);
    if (fake.answer === 'hang up') {
      request.socket.destroy();
      return;
    }
    response.writeHead(fake.answer, fake.answer === 302 ? { location: '/login' } : {});
    response.end(fake.answer === 401 ? '{"error":"bad_signature"}' : '{}');
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const pod = `${service}-${randomUUID().slice(0, 8)}`;
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const fake: FakePod = {
    endpoint: { service, pod, uid: pod, url, ready: true, terminating: false },
    answer: 200,
    seen: new Map(),
    [Symbol.asyncDispose]: async () => {
      server.close();
      server.closeAllConnections();
    },
  };
  return fake;
}

function unsignedToken(ttlSeconds: number): string {
  const iat = Math.floor(Date.now() / 1000);
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${part({ alg: 'HS256', kid: 'k-1' })}.${part({ jti: randomUUID(), iat, exp: iat + ttlSeconds })}.c2ln`;
}
