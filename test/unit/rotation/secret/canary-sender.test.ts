import { createHmac } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Probe } from '../../../../src/rotation/facts.ts';
import { canaryUrl } from '../../../../src/rotation/secret/canary-request.ts';
import { CanarySender, type Inquiry } from '../../../../src/rotation/secret/canary-sender.ts';
import { type NamedKey, newKey } from '../../../../src/rotation/secret/keys.ts';
import { canaryOf } from '../../../../src/rotation/settings/canary-settings.ts';
import { systemClock } from '../../../../src/runtime/clock.ts';

const canary = canaryOf({ path: '/auth/verify', port: 0 }, {});
const tokens = { algorithm: 'HS256', clockSkewMs: 60_000, claims: {} } as const;

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

  function senderOf() {
    const sender = new CanarySender(systemClock);
    onTestFinished(() => sender.close());
    return sender;
  }

  /** Asks about these keys, the first of which signs. */
  function inquiryOf(port: number, keys: readonly NamedKey[], before?: Probe): Inquiry {
    return {
      ...{ url: canaryUrl('127.0.0.1', port, canary), ready: true, form: canary, tokens },
      ...{ version: 7, before },
      sign: keys[0]?.kid ?? '',
      keys: new Map(keys.map(({ kid, material }) => [kid, material])),
    };
  }

  async function ask(port: number) {
    const key = newKey(32);
    const probe = await senderOf().probe(inquiryOf(port, [key]), Date.now);
    return [probe.answers.get(key.kid), probe.random, probe.version];
  }

  /** Verifies with these keys; `limit` is asked before, and may answer instead. */
  async function verifier(keys: readonly NamedKey[], limit: () => number | undefined = () => undefined) {
    const server = createServer((request, response) => {
      const [head = '', body = '', signature = ''] = (request.headers.authorization ?? '').slice(7).split('.');
      const signed = (key: NamedKey) =>
        key.material.use((bytes) => createHmac('sha256', bytes).update(`${head}.${body}`).digest('base64url')) ===
        signature;
      response.writeHead(limit() ?? (keys.some(signed) ? 200 : 401)).end();
    });
    return listening(server);
  }

  async function listening(server: Server) {
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    return (server.address() as AddressInfo).port;
  }

  it('gets an answer for every key out of a service that limits requests', async () => {
    const keys = Array.from({ length: 12 }, () => newKey(32));
    let left = 3;
    const refill = setInterval(() => {
      left = 3;
    }, 300);
    onTestFinished(() => clearInterval(refill));
    const port = await verifier(keys.slice(0, 2), () => {
      left -= 1;
      return left < 0 ? 429 : undefined;
    });
    const sender = senderOf();
    let probe: Probe | undefined;
    for (
      let round = 0;
      round < 20 && (probe === undefined || [...probe.answers.values(), probe.random].includes('unknown'));
      round += 1
    ) {
      probe = await sender.probe(inquiryOf(port, keys, probe), Date.now);
    }
    expect([...(probe?.answers.values() ?? [])]).toEqual([...Array(2).fill('accepted'), ...Array(10).fill('refused')]);
    expect(probe?.random).toBe('refused');
  });

  it('sends nothing more once it is cut off, however long the pod asks to wait', async () => {
    const keys = Array.from({ length: 12 }, () => newKey(32));
    const cut = new AbortController();
    let asked = 0;
    const port = await verifier(keys, () => {
      asked += 1;
      if (asked === 6) cut.abort();
      return asked >= 5 ? 503 : undefined;
    });
    const probe = await senderOf().probe({ ...inquiryOf(port, keys), cut: cut.signal }, Date.now);
    // at most what was under way
    expect(asked).toBeLessThanOrEqual(8);
    expect([...probe.answers.values()]).toContain('unknown');
  });

  it('tells that a limit was in the way, keeps what it has heard, and asks only for the rest', async () => {
    const keys = [newKey(32), newKey(32)];
    let limited = true;
    const asked: number[] = [];
    const port = await verifier(keys, () => {
      asked.push(1);
      return limited && asked.length > 3 ? 429 : undefined;
    });
    const sender = senderOf();
    const first = await sender.probe(inquiryOf(port, keys), Date.now);
    expect(first).toMatchObject({ random: 'refused', why: 'it answered 429' });
    expect([...first.answers.values()].toSorted()).toEqual(['accepted', 'unknown']);
    limited = false;
    asked.length = 0;
    const second = await sender.probe(inquiryOf(port, keys, first), Date.now);
    expect([...second.answers.values()]).toEqual(['accepted', 'accepted']);
    expect(second).toMatchObject({ random: 'refused', failures: 0 });
    expect([asked.length, second.at]).toEqual([1, first.at]);
    expect(second.heardAt).toBe(second.askedAt);
    expect(second).not.toHaveProperty('why');
  });

  it('tells when the oldest answer was asked for, and when the newest came', async () => {
    const keys = [newKey(32), newKey(32)];
    let served = 0;
    let isDown = false;
    const port = await verifier(keys, () => {
      served += 1;
      return isDown || served === 4 ? 500 : undefined;
    });
    const sender = senderOf();
    const times = (probe: Probe) => [probe.at, probe.heardAt, probe.askedAt];
    const first = await sender.probe(inquiryOf(port, keys), () => 1_000);
    isDown = true;
    const second = await sender.probe(inquiryOf(port, keys, first), () => 2_000);
    isDown = false;
    const third = await sender.probe(inquiryOf(port, keys, second), () => 3_000);
    expect([first, second, third].map(times)).toEqual([
      [1_000, 1_000, 1_000],
      [1_000, 1_000, 2_000],
      [1_000, 3_000, 3_000],
    ]);
  });

  it('counts how often a pod leaves the same question open, however long ago it answered the others', async () => {
    const key = newKey(32);
    // it verifies well, and fails for a key id that it does not know
    const server = createServer((request, response) => {
      const [head = '', body = '', signature = ''] = (request.headers.authorization ?? '').slice(7).split('.');
      const { kid } = JSON.parse(Buffer.from(head, 'base64url').toString()) as { kid: string };
      const hmac = key.material.use((bytes) =>
        createHmac('sha256', bytes).update(`${head}.${body}`).digest('base64url'),
      );
      response.writeHead(kid !== key.kid ? 500 : hmac === signature ? 200 : 401).end();
    });
    const port = await listening(server);
    const sender = senderOf();
    let probe: Probe | undefined;
    const failures: number[] = [];
    for (let round = 0; round < 4; round += 1) {
      // each round is later than an answer is kept
      const now = () => Date.now() + round * 120_000;
      probe = await sender.probe(inquiryOf(port, [key], probe), now);
      failures.push(probe.failures);
    }
    expect(probe?.answers.get(key.kid)).toBe('accepted');
    expect(failures).toEqual([0, 1, 2, 3]);
  });

  it('has time for each of many slow answers', async () => {
    const keys = Array.from({ length: 12 }, () => newKey(32));
    const server = createServer((_, response) => {
      setTimeout(() => response.writeHead(401).end(), 750);
    });
    const probe = await senderOf().probe(inquiryOf(await listening(server), keys), Date.now);
    expect([...new Set([...probe.answers.values(), probe.random])]).toEqual(['refused']);
  });

  it('finds a service that looks at key ids and at no signature', async () => {
    const key = newKey(32);
    const server = createServer((request, response) => {
      const [head = ''] = (request.headers.authorization ?? '').slice(7).split('.');
      const { kid } = JSON.parse(Buffer.from(head, 'base64url').toString());
      response.writeHead(kid === key.kid ? 200 : 401).end();
    });
    const probe = await senderOf().probe(inquiryOf(await listening(server), [key]), Date.now);
    expect(probe.random).toBe('accepted');
  });

  it('counts how often in a row it was asked in vain', async () => {
    const key = newKey(32);
    const sender = senderOf();
    const first = await sender.probe(inquiryOf(1, [key]), Date.now);
    const second = await sender.probe(inquiryOf(1, [key], first), Date.now);
    expect([first.failures, second.failures, second.why]).toEqual([1, 2, 'it did not answer (ECONNREFUSED)']);
  });

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
