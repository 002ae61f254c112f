import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { KubeClient } from '../../../../src/kube/client.ts';
import { KubeError } from '../../../../src/kube/errors.ts';
import type { Reason } from '../../../../src/rotation/api/finding.ts';
import type { JwtKeyRotation } from '../../../../src/rotation/api/names.ts';
import type { Message } from '../../../../src/rotation/report/notifications.ts';
import { Notifier } from '../../../../src/rotation/report/notifier.ts';
import { systemClock } from '../../../../src/runtime/clock.ts';
import { WebhookClient } from '../../../../src/runtime/webhook.ts';
import { fakeLog } from '../../runtime/fake-log.ts';
import { DONE, SETTINGS, STAGING, T0 } from '../builders.ts';

const facts = { secret: { kind: 'Managed', keyset: DONE }, settings: SETTINGS } as const;
const receiver = (name: string) => ({
  ...{ type: 'Webhook', format: 'Json', on: ['Completed'] },
  urlFrom: { secretKeyRef: { name, key: 'url' } },
});
const resourceWith = (...notifications: object[]) =>
  ({
    metadata: { name: 'jwt', namespace: 'shop', uid: 'u1' },
    spec: { notifications },
  }) as unknown as JwtKeyRotation;

/** Time for what must not happen. */
const quiet = () => new Promise((resolve) => setTimeout(resolve, 50));

interface Step {
  readonly status: number;
  readonly headers?: Record<string, string>;
}

/** A receiver that gives these answers one after another, the last one for ever. */
async function receive(...steps: readonly Step[]) {
  const messages: Message[] = [];
  const keys: unknown[] = [];
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const step = steps[Math.min(messages.length, steps.length - 1)];
    keys.push(request.headers['idempotency-key']);
    messages.push(JSON.parse(Buffer.concat(chunks).toString()) as Message);
    response.writeHead(step?.status ?? 200, step?.headers).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { messages, keys, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/T0SECRET` };
}

/** A notifier whose pauses pass in no time. */
function start(
  known: JwtKeyRotation | ((key: string) => JwtKeyRotation | undefined),
  urls: Readonly<Record<string, string>>,
  allowPrivate = true,
) {
  let now = T0 + 1_000;
  const pauses: number[] = [];
  const counts: string[] = [];
  const events: string[] = [];
  const log = fakeLog();
  const get = async (_: unknown, { name }: { name: string }) => {
    const url = urls[name];
    if (url === undefined) throw new KubeError({ verb: 'get', resource: 'secrets', name, code: 'NotFound' });
    return { metadata: { name }, data: { url: Buffer.from(url).toString('base64') } };
  };
  const onDelivered = vi.fn();
  const notifier = new Notifier({
    client: { get } as unknown as KubeClient,
    clock: {
      ...systemClock,
      now: () => now,
      sleep: async (ms, signal) => {
        signal?.throwIfAborted();
        pauses.push(ms);
        now += ms;
      },
    },
    ...{ random: () => 0, log, onDelivered },
    events: { event: (_, { reason, note }) => void events.push(`${reason} ${note}`) },
    metrics: { notified: (_, result) => void counts.push(result), hasReceivers: () => undefined },
    resources: { get: (key) => (typeof known === 'function' ? known(key) : known) },
    webhooks: new WebhookClient({ allowPrivate }),
  });
  onTestFinished(() => notifier.close());
  const ended = (result: string) => vi.waitFor(() => expect(counts).toContain(result), { timeout: 30_000 });
  return { notifier, pauses, said: log.lines, counts, events, onDelivered, ended };
}

describe('a notification', () => {
  it.each([408, 500])('is tried again after a %i, with the same id, and then never again', async (status) => {
    const { messages, keys, url } = await receive({ status }, { status: 200 });
    const resource = resourceWith(receiver('hook'));
    const { notifier, counts, pauses, said, onDelivered, ended } = start(resource, { hook: url });
    expect(notifier.observed(resource, facts)).toEqual([]);
    expect(notifier.observed(resource, facts)).toEqual([]);
    await ended('delivered');
    expect(messages.map(({ id }) => id)).toEqual(['r1/Completed', 'r1/Completed']);
    expect(keys).toEqual(['r1/Completed', 'r1/Completed']);
    expect(messages[1]).toMatchObject({ event: 'Completed', resource: 'jwt', namespace: 'shop', from: 'A', to: 'B' });
    expect(counts).toEqual(['retried', 'delivered']);
    expect(pauses).toEqual([1_000]);
    expect(onDelivered).toHaveBeenCalledWith('shop/jwt');
    const told = notifier.observed(resource, facts);
    expect(told).toEqual(['r1/Completed Json hook/url']);
    const next = start(resource, { hook: url });
    next.notifier.observed({ ...resource, status: { notified: told } }, facts);
    await quiet();
    expect(messages).toHaveLength(2);
    expect(JSON.stringify(said)).not.toContain('T0SECRET');
  });

  it('tells of what stops, and neither of what passes by itself nor of a rotation that may not begin', async () => {
    const { messages, url } = await receive({ status: 200 });
    const resource = resourceWith({ ...receiver('hook'), on: ['Failed'] });
    const { notifier } = start(resource, { hook: url });
    const staging = { ...facts, secret: { kind: 'Managed', keyset: STAGING } } as const;
    const because = (reason: Reason) => ({ reason, message: 'a text' });
    notifier.observed(resource, staging, { stalled: because('Paused') });
    notifier.observed(resource, staging, { blocked: because('UnlistedConsumer') });
    notifier.observed(resource, staging, { stalled: because('RolloutStalled') });
    notifier.observed(resource, staging, { blocked: because('ForeignWriter') });
    await vi.waitFor(() => expect(messages).toHaveLength(2), { timeout: 30_000 });
    await quiet();
    expect(messages.map(({ failure }) => failure?.reason).sort()).toEqual(['ForeignWriter', 'RolloutStalled']);
  });

  it('is for one who says nothing else of failures and emergencies, in JSON', async () => {
    const { messages, url } = await receive({ status: 200 });
    const resource = resourceWith({ urlFrom: receiver('hook').urlFrom });
    const { notifier, ended } = start(resource, { hook: url });
    notifier.observed(resource, facts);
    const staging = { ...facts, secret: { kind: 'Managed', keyset: STAGING } } as const;
    notifier.observed(resource, staging, { stalled: { reason: 'RolloutStalled', message: 'a text' } });
    await ended('delivered');
    expect(messages.map(({ event }) => event)).toEqual(['Failed']);
    expect(notifier.observed(resource, facts)).toEqual([expect.stringMatching(/ Json hook\/url$/)]);
  });

  it('tells no key that somebody has pasted into a reason', async () => {
    const { messages, url } = await receive({ status: 200 });
    const resource = resourceWith(receiver('hook'));
    const { notifier, ended } = start(resource, { hook: url });
    const key = 'ab'.repeat(32);
    const rotation = DONE.rotation && { ...DONE.rotation, reason: `leaked: ${key}` };
    const keyset = { ...DONE, ...(rotation && { rotation }) };
    notifier.observed(resource, { ...facts, secret: { kind: 'Managed', keyset } });
    await ended('delivered');
    expect(messages[0]?.reason).toBe('leaked: [redacted]');
  });

  it('waits as long as the receiver asks', async () => {
    const { messages, url } = await receive({ status: 429, headers: { 'retry-after': '70' } }, { status: 204 });
    const resource = resourceWith(receiver('hook'));
    const { notifier, pauses, ended } = start(resource, { hook: url });
    notifier.observed(resource, facts);
    await ended('delivered');
    expect(pauses).toEqual([70_000]);
    expect(messages).toHaveLength(2);
  });

  it('waits five minutes at most, however long the receiver asks', async () => {
    const { messages, url } = await receive({ status: 429, headers: { 'retry-after': '86400' } }, { status: 204 });
    const resource = resourceWith(receiver('hook'));
    const { notifier, pauses, ended } = start(resource, { hook: url });
    notifier.observed(resource, facts);
    await ended('delivered');
    expect(pauses).toEqual([300_000]);
    expect(messages).toHaveLength(2);
  });

  it.each([404, 302])('is given up at once when the receiver answers %i, and the field is named', async (status) => {
    const { messages, url } = await receive({ status, headers: { location: '/elsewhere' } });
    const resource = resourceWith({ ...receiver('hook'), on: ['Failed'] }, receiver('hook'));
    const { notifier, events, said, counts, ended } = start(resource, { hook: url });
    notifier.observed(resource, facts);
    await ended('failed');
    await quiet();
    notifier.observed(resource, facts);
    await quiet();
    expect(counts).toEqual(['failed']);
    expect(messages).toHaveLength(1);
    expect(events).toHaveLength(1);
    expect(events[0]).toMatch(/^NotificationFailed spec\.notifications\[1\]: .* answered (404|302)/);
    expect(JSON.stringify([events, said])).not.toMatch(/T0SECRET|127\.0\.0\.1/);
  });

  it('is given up after an hour, with pauses that grow to five minutes', async () => {
    const { messages, url } = await receive({ status: 503 });
    const resource = resourceWith(receiver('hook'));
    const { notifier, pauses, events, ended } = start(resource, { hook: url });
    notifier.observed(resource, facts);
    await ended('failed');
    expect(pauses.slice(0, 3)).toEqual([1_000, 2_000, 4_000]);
    expect(Math.max(...pauses)).toBe(300_000);
    expect(messages.length).toBe(pauses.length + 1);
    expect(events).toEqual([expect.stringContaining('answered 503; rekey gave up')]);
  });

  it('to an address that is not public, or from a Secret that is absent, is an Event at once', async () => {
    const { messages, url } = await receive({ status: 200 });
    const resource = resourceWith(receiver('hook'), receiver('absent'));
    const { notifier, events, said, counts } = start(resource, { hook: url.replace('http', 'https') }, false);
    notifier.observed(resource, facts);
    await vi.waitFor(() => expect(counts.filter((result) => result === 'failed')).toHaveLength(2), { timeout: 30_000 });
    expect(events).toContainEqual(
      expect.stringMatching(/\[0\].* Secret hook, key url leads to an address that is not/),
    );
    expect(events).toContainEqual(expect.stringMatching(/\[1\].* Secret absent, key url cannot be read \(NotFound\)/));
    expect(messages).toEqual([]);
    expect(JSON.stringify([events, said])).not.toMatch(/T0SECRET|127\.0\.0\.1/);
  });

  it('of one resource waits for no receivers of others that never answer', { timeout: 60_000 }, async () => {
    const hung = createServer(() => undefined);
    await new Promise<void>((resolve) => hung.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void hung.close().closeAllConnections());
    const { messages, url } = await receive({ status: 200 });
    const silent = `http://127.0.0.1:${(hung.address() as AddressInfo).port}/`;
    const names = Array.from({ length: 16 }, (_, i) => `hung${i}`);
    const named = (name: string, ...receivers: object[]) => {
      const { metadata, ...rest } = resourceWith(...receivers);
      return { ...rest, metadata: { ...metadata, name, uid: name } } as JwtKeyRotation;
    };
    const bad = Array.from({ length: 65 }, (_, i) => named(`bad-${i}`, ...names.map(receiver)));
    const good = named('good', receiver('hook'));
    const urls = Object.fromEntries([...names.map((name) => [name, silent]), ['hook', url]]);
    const { notifier } = start((key) => [...bad, good].find(({ metadata }) => key === `shop/${metadata.name}`), urls);
    const rotated = ({ metadata: { name: id } }: JwtKeyRotation) => {
      const keyset = { ...DONE, ...(DONE.rotation && { rotation: { ...DONE.rotation, id } }) };
      return { ...facts, secret: { kind: 'Managed', keyset } } as const;
    };
    for (const resource of [...bad, good]) notifier.observed(resource, rotated(resource));
    await vi.waitFor(() => expect(messages).toHaveLength(1), { timeout: 55_000 });
  });

  it('is not sent to whom the spec does not name any more', async () => {
    const { messages, url } = await receive({ status: 500 });
    const { notifier, counts } = start(resourceWith(), { hook: url });
    notifier.observed(resourceWith(receiver('hook')), facts);
    await quiet();
    expect([messages, counts]).toEqual([[], []]);
  });
});
