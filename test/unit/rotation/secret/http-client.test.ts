/** What comes of a request, whatever the peer does with its connection. */

import { ClientRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createServer, type Socket } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { HttpClient } from '../../../../src/rotation/secret/http-client.ts';

const LIMITS = { timeoutMs: 2_000, maxBodyBytes: 1_000 };
const toGet = (url: string) => ({ method: 'GET', url, headers: {}, insecureSkipTLSVerify: false }) as const;
const head = (status: string, ...fields: readonly string[]) => `HTTP/1.1 ${[status, ...fields].join('\r\n')}\r\n\r\n`;

/** @param answer what the peer does with each request */
async function peer(answer: (socket: Socket) => void): Promise<string> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.on('data', () => answer(socket));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

async function get(answer: (socket: Socket) => void) {
  const client = new HttpClient(1);
  onTestFinished(() => client.close());
  return client.send(toGet(await peer(answer)), LIMITS);
}

describe('a request', { timeout: 10_000 }, () => {
  it.each<[string, (socket: Socket) => void]>([
    ['goes over to another protocol', (socket) => socket.write(head('101 Other', 'Upgrade: x', 'Connection: Upgrade'))],
    ['does so and closes', (socket) => socket.end(head('101 Other', 'Upgrade: x', 'Connection: Upgrade'))],
    ['closes', (socket) => socket.end()],
    ['resets', (socket) => socket.resetAndDestroy()],
    ['speaks something else', (socket) => socket.write('SSH-2.0-x\r\n')],
    ['says 100 and no more', (socket) => socket.write(head('100 Continue'))],
    ['cuts its body off', (socket) => socket.end(`${head('200 OK', 'Content-Length: 9')}x`)],
    ['never ends its body', (socket) => socket.write(`${head('200 OK', 'Content-Length: 9')}x`)],
  ])('fails if the peer %s', async (_, answer) => {
    await expect(get(answer)).rejects.toThrow();
  });

  it.each<[string, number, (socket: Socket) => void]>([
    ['after 100 and 103', 204, (socket) => socket.write(head('100 Go') + head('103 Hints') + head('204 None'))],
    ['after eight of 103', 204, (socket) => socket.write(head('103 Hints').repeat(8) + head('204 None'))],
    ['of 401', 401, (socket) => socket.write(head('401 No', 'Content-Length: 0'))],
    [
      'of 302, not where it leads to',
      302,
      (socket) => socket.write(head('302 To', 'Location: /', 'Content-Length: 0')),
    ],
    ['of a large body', 200, (socket) => socket.write(head('200 OK', 'Content-Length: 9999') + 'x'.repeat(5_000))],
  ])('gets the status %s', async (_, status, answer) => {
    expect((await get(answer)).status).toBe(status);
  });

  it('ends after a few informational answers, long before its time is over', async () => {
    let closed = 0;
    const flood = head('103 Hints').repeat(1_000);
    const asked = get((socket) => {
      const more = setInterval(() => socket.write(flood), 5);
      socket.on('close', () => {
        closed += 1;
        clearInterval(more);
      });
    });
    const emitted = vi.spyOn(ClientRequest.prototype, 'emit');
    onTestFinished(() => emitted.mockRestore());
    const begin = performance.now();
    await expect(asked).rejects.toMatchObject({ code: 'TOO_MANY_1XX' });
    expect(performance.now() - begin).toBeLessThan(LIMITS.timeoutMs / 2);
    await expect.poll(() => closed).toBe(1);
    // of what arrived together, only what was read at once is parsed
    expect(emitted.mock.calls.filter(([event]) => String(event) === 'information').length).toBeLessThan(300);
  });

  it('is sent once more if a connection that was used before is reset', async () => {
    let requests = 0;
    const url = await peer((socket) => {
      requests += 1;
      if (requests === 2) socket.resetAndDestroy();
      else socket.write(head('401 No', 'Content-Length: 0'));
    });
    const client = new HttpClient(1);
    onTestFinished(() => client.close());
    const statuses = [(await client.send(toGet(url), LIMITS)).status, (await client.send(toGet(url), LIMITS)).status];
    expect([statuses, requests]).toEqual([[401, 401], 3]);
  });
});
