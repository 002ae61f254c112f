import { expect, test } from 'vitest';
import { KubeError } from '../../../src/kube/errors.ts';
import type { WatchOptions } from '../../../src/kube/options.ts';
import { type KubeObject, PODS, type Pod } from '../../../src/kube/types.ts';
import type { WatchEvent } from '../../../src/kube/watch.ts';
import { OptionalReflector, type OptionalReflectorOptions } from '../../../src/runtime/optional-reflector.ts';
import { FakeClock, turn } from './fake-clock.ts';
import { fakeLog } from './fake-log.ts';

const refusal = (code: 'NotFound' | 'Forbidden' | 'Unreachable') =>
  new KubeError({ code, verb: 'list', resource: 'pods' });

/** A cluster in which a type comes and goes. */
function start(edit: { served?: boolean; allowed?: boolean; up?: boolean } = {}) {
  const server = {
    ...{ served: false, allowed: true, up: true, items: ['a'] },
    ...{ questions: 0, lists: 0, watches: 0, open: 0 },
    /** Ends the stream, as a server does when its time is over. */
    end: () => {},
    ...edit,
  };
  const client = {
    async serves() {
      server.questions += 1;
      if (!server.up) throw refusal('Unreachable');
      return server.served;
    },
    async *pages() {
      server.lists += 1;
      if (!server.allowed) throw refusal('Forbidden');
      if (!server.served) throw refusal('NotFound');
      const items = server.items.map((name): Pod => ({ metadata: { name, resourceVersion: '5' } }));
      yield { items, resourceVersion: '10' };
    },
    async *watch(_: unknown, { signal }: WatchOptions): AsyncGenerator<WatchEvent<KubeObject>> {
      server.watches += 1;
      server.open += 1;
      await new Promise<void>((resolve) => {
        signal?.addEventListener('abort', () => resolve());
        server.end = resolve;
      });
      server.open -= 1;
    },
  };
  const clock = new FakeClock();
  const stop = new AbortController();
  const told: string[] = [];
  const reflector = new OptionalReflector<Pod, string>({
    client: client as unknown as OptionalReflectorOptions<Pod, string>['client'],
    ...{ type: PODS, project: ({ metadata }) => metadata.name, clock, log: fakeLog(), random: () => 0 },
    onChange: (availability) => told.push(availability),
  });
  let synced = false;
  void reflector.synced.then(() => {
    synced = true;
  });
  return { server, clock, stop, told, reflector, running: reflector.run(stop.signal), isSynced: () => synced };
}

test('what is not served is asked for every half minute, watched by nobody and missed by nobody', async () => {
  const { server, clock, told, reflector, isSynced } = start();
  expect(reflector.hasSynced()).toBe(false);
  await turn();
  expect(reflector.availability()).toBe('Absent');
  expect([reflector.hasSynced(), isSynced(), reflector.secondsSinceContact()]).toEqual([true, true, 0]);
  await clock.advance(600_000);
  expect(server.questions).toBe(21);
  expect([server.lists, server.watches]).toEqual([0, 0]);
  expect(told).toEqual(['Absent']);
});

test('what comes to be served is listed and watched, and what ceases to be is forgotten', async () => {
  const { server, clock, told, reflector } = start();
  await turn();
  server.served = true;
  await clock.advance(30_000);
  expect(reflector.store.list()).toEqual(['a']);
  expect(server.watches).toBe(1);
  server.served = false;
  await clock.advance(30_000);
  expect(reflector.store.list()).toEqual([]);
  expect(reflector.hasSynced()).toBe(true);
  expect(server.open).toBe(0);
  const lists = server.lists;
  await clock.advance(60_000);
  expect(server.lists).toBe(lists);
  server.served = true;
  server.items = ['b'];
  await clock.advance(30_000);
  expect(reflector.store.list()).toEqual(['b']);
  expect(told).toEqual(['Absent', 'Served', 'Absent', 'Served']);
});

test('what is served is synced when it was listed, and its watch must tell something', async () => {
  const { reflector, isSynced, clock } = start({ served: true });
  await turn();
  expect(reflector.availability()).toBe('Served');
  expect([reflector.hasSynced(), isSynced()]).toEqual([true, true]);
  await clock.advance(200_000);
  expect(reflector.secondsSinceContact()).toBe(200);
});

test('what may not be read is told apart, and read as soon as it may be', async () => {
  const { server, clock, told, reflector, isSynced } = start({ served: true, allowed: false });
  await turn();
  expect([reflector.availability(), isSynced()]).toEqual(['Forbidden', true]);
  server.allowed = true;
  await clock.advance(30_000);
  expect(reflector.store.list()).toEqual(['a']);
  expect(told).toEqual(['Forbidden', 'Served']);
});

test('an API server that does not answer changes nothing', async () => {
  const { server, clock, told, reflector, isSynced } = start({ up: false });
  await clock.advance(10_000);
  expect([reflector.availability(), isSynced()]).toEqual([undefined, false]);
  server.up = true;
  server.served = true;
  await clock.advance(30_000);
  server.up = false;
  await clock.advance(60_000);
  expect(reflector.store.list()).toEqual(['a']);
  expect(told).toEqual(['Served']);
});

test('it ends with its signal', async () => {
  const { clock, stop, running } = start({ served: true });
  await clock.advance(1_000);
  stop.abort();
  await running;
  expect(clock.timers).toBe(0);
});

test('a right that is withdrawn is noticed, and what was seen before is forgotten', async () => {
  const { server, reflector, clock, told } = start({ served: true });
  await clock.advance(0);
  expect(reflector.store.size).toBe(1);
  server.allowed = false;
  // the next regular list is refused
  server.end();
  await clock.advance(720_000);
  server.end();
  await clock.advance(60_000);
  expect(told).toEqual(['Served', 'Forbidden']);
  expect(reflector.store.size).toBe(0);
  expect(reflector.secondsSinceContact()).toBe(0);
  server.allowed = true;
  await clock.advance(60_000);
  expect(told).toEqual(['Served', 'Forbidden', 'Served']);
});
