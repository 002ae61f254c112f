import { createServer } from 'node:http';
import { jwtVerify } from 'jose';
import { describe, expect, it, onTestFinished } from 'vitest';
import { answerOf, CanarySender, signCanary } from '../../../../src/rotation/secret/canary.ts';
import { newKey } from '../../../../src/rotation/secret/keys.ts';
import { SETTINGS } from '../builders.ts';

const canary = { path: '/auth/verify', port: 0, acceptStatuses: [], refuseStatuses: [] };

describe('a canary token', () => {
  it.each(['HS256', 'HS384', 'HS512'] as const)('is a valid %s JWT that lives 30 s', async (algorithm) => {
    const { material, kid } = newKey(64);
    const settings = { algorithm, canaryClaims: { issuer: 'me', audience: 'you', claims: { tenant: 't' } } };
    const token = signCanary(material, kid, settings, Date.now());
    const key = material.use((bytes) => Uint8Array.from(bytes));
    const { payload, protectedHeader } = await jwtVerify(token, key, {
      issuer: 'me',
      audience: 'you',
      algorithms: [algorithm],
    });
    expect(payload).toMatchObject({ sub: 'rekey-canary', tenant: 't' });
    expect((payload.exp ?? 0) - Math.floor(Date.now() / 1000)).toBeLessThanOrEqual(30);
    expect(protectedHeader.kid).toBe(kid);
  });

  it('is unlike the one before', () => {
    const { material, kid } = newKey(32);
    expect(signCanary(material, kid, SETTINGS, 0)).not.toBe(signCanary(material, kid, SETTINGS, 0));
  });
});

describe('an answer', () => {
  it('follows the declared statuses, and means nothing otherwise', () => {
    const declared = { ...canary, acceptStatuses: [404], refuseStatuses: [403] };
    expect([200, 204, 401, 403, 404, 500, 302].map((status) => answerOf(status, declared))).toEqual([
      'accepted',
      'accepted',
      'refused',
      'refused',
      'accepted',
      'unknown',
      'unknown',
    ]);
    expect([403, 404].map((status) => answerOf(status, canary))).toEqual(['unknown', 'unknown']);
  });
});

describe('the sender', () => {
  async function serve(status: number, headers: Record<string, string> = {}) {
    let asked = 0;
    const server = createServer((_, response) => {
      asked += 1;
      response.writeHead(status, headers).end('x'.repeat(200_000));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const address = server.address();
    return { port: typeof address === 'object' && address !== null ? address.port : 0, asked: () => asked };
  }

  async function ask(port: number) {
    const sender = new CanarySender();
    onTestFinished(() => sender.close());
    const { kid, material } = newKey(32);
    const probe = await sender.probe(
      '127.0.0.1',
      { ...canary, port },
      new Map([[kid, material]]),
      SETTINGS,
      7,
      () => 1,
    );
    return [probe.answers.get(kid), probe.random, probe.version];
  }

  it('asks about every key and about a made-up one', async () => {
    const { port } = await serve(200);
    expect(await ask(port)).toEqual(['accepted', 'accepted', 7]);
  });

  it('does not follow a redirect, which would carry the token elsewhere', async () => {
    const other = await serve(200);
    const { port } = await serve(302, { location: `http://127.0.0.1:${other.port}/` });
    expect(await ask(port)).toEqual(['unknown', 'unknown', 7]);
    expect(other.asked()).toBe(0);
  });

  it('knows nothing of a pod that does not listen', async () => {
    expect(await ask(1)).toEqual(['unknown', 'unknown', 7]);
  });
});
