/** `env verify` asks a service about the keys that its file has then, and not about those that it had before. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { folderOf, freshKey, put } from '../../support/env/folder.ts';
import { run } from '../../support/env/run.ts';

const config = (url: string) => `maxTokenTTL: 24h
services:
  main: { names: [JWT_SECRET_KEY], files: { development: main/.env }, readsFallbacks: true, canary: "${url}" }
`;
const line = () => `JWT_SECRET_KEY=${freshKey()}\n`;

/** @returns the URL of a service that refuses everything, and does something at each request */
async function refusing(onRequest: () => void): Promise<string> {
  const server = createServer((_, response) => {
    onRequest();
    response.writeHead(401).end();
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/verify`;
}

describe('env verify', () => {
  it('says that a service refuses the key of its file', async () => {
    const root = folderOf({ 'main/.env': line() });
    put(root, { 'rekey.yaml': config(await refusing(() => undefined)) });
    const { exit, out } = await run(root, 'verify development');
    expect([exit, out]).toEqual([1, expect.stringMatching(/main +\S+ +no +it refuses the key that signs/)]);
  });

  it('knows nothing of a service whose file is written meanwhile', async () => {
    const root = folderOf({ 'main/.env': line() });
    put(root, { 'rekey.yaml': config(await refusing(() => put(root, { 'main/.env': line() }))) });
    const { exit, out } = await run(root, 'verify development');
    expect([exit, out]).toEqual([3, expect.stringMatching(/main +\S+ +unknown +the keys in its file changed/)]);
  });
});
