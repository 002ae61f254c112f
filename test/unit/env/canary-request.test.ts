/** `rekey env` asks a service as its `canaryRequest` says. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import { newAsker } from '../../../src/env/asker.ts';
import { parseConfig } from '../../../src/env/parse-config.ts';
import { newKey } from '../../../src/rotation/secret/keys.ts';

it('asks by the request and the claims of rekey.yaml', async () => {
  const subjects: unknown[] = [];
  const connections = new Set<unknown>();
  const server = createServer((request, response) => {
    connections.add(request.socket);
    const [, payload = ''] = (/^session=(.+)$/.exec(request.headers.cookie ?? '')?.[1] ?? '').split('.');
    subjects.push(JSON.parse(Buffer.from(payload, 'base64url').toString()).sub);
    response.writeHead(302, { location: '/login' }).end();
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/account`;
  const text = `maxTokenTTL: 24h
canary: { claims: { sub: ann } }
services:
  main:
    names: [JWT_SECRET_KEY]
    files: { production: .env }
    canary: ${url}
    canaryRequest: { token: { in: Cookie, name: session }, refuseStatuses: [302] }
`;
  const config = await parseConfig(text, '/shop');
  const [{ canary, canaryRequest } = { canary: {} as Record<string, string>, canaryRequest: {} }] = config.services;
  const asker = newAsker();
  onTestFinished(() => asker.close());
  const { kid, material } = newKey(32);
  const question = { keys: new Map([[kid, material]]), version: 1, sign: kid };
  const { answers, random } = await asker.ask(canary.production ?? '', canaryRequest, question, config);
  expect([answers.get(kid), random, [...new Set(subjects)]]).toEqual(['refused', 'refused', ['ann']]);
  // one for each token: behind one port there may be several processes
  expect(connections.size).toBe(subjects.length);
});
