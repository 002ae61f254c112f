/** What a pod with mounted files is asked, and what its answers prove: its processes read the files again one by one. */
import { createHmac } from 'node:crypto';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it, onTestFinished } from 'vitest';
import type { KubeClient } from '../../../../src/kube/client.ts';
import { PodAsker } from '../../../../src/rotation/act/ask-pods.ts';
import type { Probe } from '../../../../src/rotation/facts.ts';
import { FILE_TIMES } from '../../../../src/rotation/secret/canary-question.ts';
import { CanarySender } from '../../../../src/rotation/secret/canary-sender.ts';
import { type NamedKey, newKey } from '../../../../src/rotation/secret/keys.ts';
import { canaryOf } from '../../../../src/rotation/settings/canary-settings.ts';
import { systemClock } from '../../../../src/runtime/clock.ts';
import { facts, PROMOTING, pod, SETTINGS, target, WRITES } from '../builders.ts';
import { walked } from './layout-walk.ts';

const OLD = newKey(32);
const BOTH = newKey(32);
const NEW = newKey(32);
const KEYS = [OLD, BOTH, NEW];
const behind = [OLD, BOTH];
const ahead = [BOTH, NEW];

/** A service; `ring` says which keys the process has that gets the nth token of this key, or which status it answers. */
async function serve(ring: (key: NamedKey | undefined, nth: number) => readonly NamedKey[] | number) {
  const counts = new Map<NamedKey | undefined, number>();
  let connections = 0;
  const server = createServer((request, response) => {
    const key = KEYS.find((one) => isSigned(request, one));
    const nth = counts.get(key) ?? 0;
    counts.set(key, nth + 1);
    const has = ring(key, nth);
    const status = typeof has === 'number' ? has : key !== undefined && has.includes(key) ? 200 : 401;
    response.writeHead(status).end();
  });
  server.on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const requests = () => [...counts.values()].reduce((sum, count) => sum + count, 0);
  return { port: (server.address() as AddressInfo).port, connections: () => connections, requests };
}

function isSigned(request: IncomingMessage, { material }: NamedKey): boolean {
  const [head = '', body = '', signature = ''] = (request.headers.authorization ?? '').slice(7).split('.');
  const signed = material.use((bytes) => createHmac('sha256', bytes).update(`${head}.${body}`).digest('base64url'));
  return signed === signature;
}

/** Asks as for mounted files. */
function ask(port: number, before?: Probe): Promise<Probe> {
  const sender = new CanarySender(systemClock, 'fresh');
  onTestFinished(() => sender.close());
  const inquiry = {
    ...{ url: `http://127.0.0.1:${port}/`, form: canaryOf({ path: '/', port }, {}), ready: true, version: 7, before },
    tokens: { algorithm: 'HS256', clockSkewMs: 60_000, claims: {} } as const,
    ...{ sign: BOTH.kid, keys: new Map(KEYS.map(({ kid, material }) => [kid, material])), times: FILE_TIMES },
  };
  return sender.probe(inquiry, Date.now);
}

const answersOf = ({ answers, random }: Probe) => [...answers.values(), random];

it('an answer counts if all agree', async () => {
  const { port, requests, connections } = await serve(() => ahead);
  const probe = await ask(port);
  expect(answersOf(probe)).toEqual(['refused', 'accepted', 'accepted', 'refused']);
  expect(probe).toMatchObject({ failures: 0 });
  expect([requests(), connections()]).toEqual([5 * FILE_TIMES, 5 * FILE_TIMES]);
});

it('what one of two processes says is neither a yes nor a no, however often it is asked', async () => {
  const { port } = await serve((_, nth) => (nth % 2 === 0 ? ahead : behind));
  const first = await ask(port);
  expect(answersOf(first)).toEqual(['unknown', 'accepted', 'unknown', 'refused']);
  expect(first.why).toMatch(/^it answers the same question now yes, now no/);
  const second = await ask(port, first);
  const third = await ask(port, second);
  expect(answersOf(third)).toEqual(['unknown', 'accepted', 'unknown', 'refused']);
  expect([first, second, third].map(({ failures }) => failures)).toEqual([0, 1, 2]);
});

it('a process that is behind and answers once of eight times is found', async () => {
  const { port } = await serve((_, nth) => (nth === FILE_TIMES - 1 ? behind : ahead));
  expect(answersOf(await ask(port))).toEqual(['unknown', 'accepted', 'unknown', 'refused']);
});

it('a process that accepts a made-up key is found by one answer', async () => {
  const { port } = await serve((key, nth) => (key === undefined && nth === 0 ? 200 : ahead));
  expect((await ask(port)).random).toBe('accepted');
});

it('one answer without a meaning leaves its question open, and no other; to leave another one open is no progress', async () => {
  let failing = NEW;
  const { port } = await serve((key, nth) => (key === failing && nth % FILE_TIMES === 2 ? 500 : ahead));
  const first = await ask(port);
  expect(answersOf(first)).toEqual(['refused', 'accepted', 'unknown', 'refused']);
  failing = OLD;
  const second = await ask(port, first);
  expect(answersOf(second)).toEqual(['unknown', 'accepted', 'accepted', 'refused']);
  expect([first.failures, second.failures]).toEqual([0, 1]);
});

it('no answer of an earlier round counts: the files may have changed since', async () => {
  let files: readonly NamedKey[] = behind;
  const { port } = await serve((key) => (files === behind && key === NEW ? 500 : files));
  const first = await ask(port);
  expect(answersOf(first)).toEqual(['accepted', 'accepted', 'unknown', 'refused']);
  files = ahead;
  const second = await ask(port, first);
  expect(answersOf(second)).toEqual(['refused', 'accepted', 'accepted', 'refused']);
  expect(second.at).toBeGreaterThanOrEqual(first.askedAt);
});

it('files that change during a round do not look like files with the keys of both', async () => {
  for (let changesAfter = 0; changesAfter <= 5 * FILE_TIMES; changesAfter += 1) {
    let served = 0;
    const { port } = await serve(() => {
      served += 1;
      return served > changesAfter ? ahead : behind;
    });
    const { answers } = await ask(port);
    expect([answers.get(OLD.kid), answers.get(NEW.kid)]).not.toEqual(['accepted', 'accepted']);
  }
});

it('a round ends in time with a slow service, and the rest is unknown', { timeout: 20_000 }, async () => {
  const server = createServer((_, response) => void setTimeout(() => response.writeHead(401).end(), 1_500));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  const begin = performance.now();
  const probe = await ask((server.address() as AddressInfo).port);
  expect(performance.now() - begin).toBeLessThan(13_000);
  expect(answersOf(probe)).toContain('unknown');
  expect(probe.why).toBe('it is too slow to be asked so often within 10 s');
});

it.each<['Env' | 'File', number]>([
  ['Env', 1],
  ['File', FILE_TIMES],
])('the operator asks a pod of a target with source %s each question %d times', async (source, times) => {
  const { adopt, stage, promote } = WRITES;
  const { secret } = walked([adopt, stage, promote], SETTINGS);
  const { port, requests, connections } = await serve(() => ahead);
  const base = target('api', ['Verifier']);
  const settings = { ...base.settings, source, canary: canaryOf({ path: '/', port }, {}) };
  const one = pod('api-1', { address: '127.0.0.1', port });
  const client = { get: async () => secret } as unknown as KubeClient;
  const asker = new PodAsker({ client, clock: systemClock, now: Date.now });
  await asker.ask('shop', facts(PROMOTING), [{ target: { ...base, settings }, pod: one }], undefined);
  await asker.close();
  // three keys and two made-up ones; kept connections are at most four
  expect(requests()).toBe(5 * times);
  expect(connections()).toBe(source === 'File' ? 5 * times : 4);
});
