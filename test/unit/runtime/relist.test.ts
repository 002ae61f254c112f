/** A reflector that keeps a part of what it is told, which may change: then it lists again. */
import { expect, test } from 'vitest';
import { KubeError } from '../../../src/kube/errors.ts';
import type { WatchOptions } from '../../../src/kube/options.ts';
import { type KubeObject, PODS, type Pod } from '../../../src/kube/types.ts';
import type { WatchEvent } from '../../../src/kube/watch.ts';
import { OptionalReflector, type OptionalReflectorOptions } from '../../../src/runtime/optional-reflector.ts';
import { FakeClock, turn } from './fake-clock.ts';
import { fakeLog } from './fake-log.ts';

const pod = (namespace: string, resourceVersion: string): Pod => ({
  metadata: { namespace, name: 'a', resourceVersion },
});

function start(served = true) {
  const server = {
    ...{ served, lists: 0, watches: 0, items: [pod('mine', '5'), pod('other', '6')], up: true },
    /** Held back until it is called. */
    answer: undefined as (() => void) | undefined,
    slow: false,
    send: (_: WatchEvent<KubeObject>) => {},
  };
  const client = {
    serves: async () => server.served,
    async *pages(_: unknown, { limit }: { readonly limit?: number }) {
      if (limit !== 1) server.lists += 1;
      if (!server.up) throw new KubeError({ code: 'Unreachable', verb: 'list', resource: 'pods' });
      const items = server.items;
      if (server.slow) await new Promise<void>((resolve) => (server.answer = resolve));
      yield { items, resourceVersion: '10' };
      if (server.slow) await new Promise<void>((resolve) => (server.answer = resolve));
    },
    async *watch(_: unknown, { signal }: WatchOptions): AsyncGenerator<WatchEvent<KubeObject>> {
      server.watches += 1;
      const events: WatchEvent<KubeObject>[] = [];
      let wake = () => {};
      signal?.addEventListener('abort', () => wake());
      server.send = (event) => {
        events.push(event);
        wake();
      };
      while (signal?.aborted !== true) {
        const event = events.shift();
        if (event !== undefined) yield event;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    },
  };
  const clock = new FakeClock();
  const kept = new Set(['mine']);
  const log = fakeLog();
  const reflector = new OptionalReflector<Pod, string>({
    client: client as unknown as OptionalReflectorOptions<Pod, string>['client'],
    ...{ type: PODS, project: ({ metadata }) => `${metadata.resourceVersion}`, clock, log, random: () => 0 },
    keep: (namespace) => kept.has(namespace),
  });
  void reflector.run(new AbortController().signal);
  const relist = () => {
    const list = { done: false };
    void reflector.relist().then(() => (list.done = true));
    return list;
  };
  return { server, clock, kept, reflector, relist, log };
}

test('only what is kept is stored, from a list and from a watch', async () => {
  const { server, reflector } = start();
  await turn();
  expect(reflector.store.keys()).toEqual(['mine/a']);
  server.send({ type: 'MODIFIED', object: pod('other', '11') });
  server.send({ type: 'MODIFIED', object: pod('mine', '12') });
  await turn();
  expect(reflector.store.keys()).toEqual(['mine/a']);
  expect(reflector.store.get('mine/a')).toBe('12');
});

test('more is kept after a list, which ends the watch without a failure', async () => {
  const { server, kept, reflector, relist, log } = start();
  await turn();
  kept.add('other');
  const list = relist();
  await turn();
  expect([list.done, reflector.store.keys()]).toEqual([true, ['mine/a', 'other/a']]);
  expect([server.lists, server.watches, log.lines]).toMatchObject([2, 2, [{ level: 'info' }]]);
});

test('a list that had begun before does not do', async () => {
  const { server, kept, reflector, relist } = start();
  await turn();
  server.slow = true;
  const first = relist();
  await turn();
  server.answer?.();
  await turn();
  // the page is there, and the end of the list is not
  kept.add('other');
  const second = relist();
  server.answer?.();
  await turn();
  expect([first.done, second.done, reflector.store.keys()]).toEqual([true, false, ['mine/a']]);
  server.slow = false;
  server.answer?.();
  await turn();
  expect([second.done, reflector.store.keys()]).toEqual([true, ['mine/a', 'other/a']]);
});

test('what is no longer kept when a list ends does not come back with it', async () => {
  const { server, kept, reflector, relist } = start();
  await turn();
  server.slow = true;
  relist();
  await turn();
  server.answer?.();
  await turn();
  kept.delete('mine');
  reflector.store.drop((namespace) => kept.has(namespace));
  server.answer?.();
  await turn();
  expect([server.lists, reflector.store.size]).toEqual([2, 0]);
});

test('who waits for a list waits on while it fails', async () => {
  const { server, clock, relist } = start();
  await turn();
  server.up = false;
  const list = relist();
  await clock.advance(5_000);
  expect(list.done).toBe(false);
  server.up = true;
  await clock.advance(30_000);
  expect(list.done).toBe(true);
});

test('nobody waits for a list of what is not served, or is served no more', async () => {
  const absent = start(false);
  await turn();
  const none = absent.relist();
  await turn();
  expect([none.done, absent.server.lists]).toEqual([true, 0]);

  const { server, clock, relist } = start();
  await turn();
  server.slow = true;
  server.up = false;
  const list = relist();
  await turn();
  server.served = false;
  await clock.advance(30_000);
  expect(list.done).toBe(true);
});
