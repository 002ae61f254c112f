import { describe, expect, test } from 'vitest';
import { KubeError } from '../../../../src/kube/errors.ts';
import type { ListOptions, WatchOptions } from '../../../../src/kube/options.ts';
import { SecretWatches, type SecretWatchesOptions } from '../../../../src/rotation/secret/secret-watches.ts';
import { redact } from '../../../../src/runtime/redact.ts';
import { FakeClock, turn } from '../../runtime/fake-clock.ts';
import { fakeLog } from '../../runtime/fake-log.ts';

type Answer = 'list' | 'hang' | 'Unreachable' | 'Forbidden';

/** A server that answers lists as it is told, and whose watches are silent. */
function build({ most = 1_000, resources = (): number => 1_000 } = {}) {
  const clock = new FakeClock();
  const log = fakeLog();
  const server = { answer: 'list' as Answer, asked: 0, most: 0, read: 0 };
  let now = 0;
  const client = {
    async *pages(_: unknown, { fieldSelector = '' }: ListOptions) {
      server.asked += 1;
      now += 1;
      server.most = Math.max(server.most, now);
      try {
        if (server.answer === 'hang') await clock.sleep(10_000);
        if (server.answer === 'Unreachable' || server.answer === 'Forbidden')
          throw new KubeError({ code: server.answer, verb: 'list', resource: 'secrets' });
        const name = fieldSelector.replace('metadata.name=', '');
        yield { items: [{ metadata: { namespace: 'shop', name, resourceVersion: '7' } }], resourceVersion: '9' };
      } finally {
        now -= 1;
      }
    },
    get: async () => {
      server.read += 1;
      return { metadata: { resourceVersion: '8' } };
    },
    async *watch(_: unknown, { signal }: WatchOptions) {
      await new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve()));
    },
  } as unknown as SecretWatchesOptions['client'];
  const changed: string[] = [];
  const watches = new SecretWatches({ client, clock, log, most, resources, onChange: (key) => changed.push(key) });
  const watch = (count: number) => {
    for (let i = 0; i < count; i += 1) watches.watch(`shop/r-${i}`, 'shop', `s-${i}`, 'Rest');
  };
  return { clock, log, server, watches, changed, watch };
}

test('a thousand watches start a few at a time, and each wakes its resource', async () => {
  const { clock, server, watches, changed, watch } = build();
  server.answer = 'hang';
  watch(1_000);
  await clock.advance(0);
  expect(server.asked).toBe(16);
  await clock.advance(10_000);
  server.answer = 'list';
  await clock.advance(10_000);
  expect(server.most).toBe(16);
  expect(changed).toHaveLength(1_000);
  expect(await watches.version('shop', 's-999')).toBe('7');
  expect(server.read).toBe(0);
  watches.close();
});

test('a watch that has told nothing for half a minute is said, with its Secret', async () => {
  const { clock, server, watches, watch } = build();
  watch(2);
  await clock.advance(0);
  server.answer = 'Unreachable';
  watches.watch('shop/late', 'shop', 'late', 'Rest');
  await clock.advance(30_000);
  expect(watches.failure()).toBeUndefined();
  await clock.advance(1);
  expect(watches.failure()).toBe('1 of 3 watches of Secrets are silent, that of shop/late among them');
  server.answer = 'list';
  await clock.advance(60_000);
  expect(watches.failure()).toBeUndefined();
  watches.close();
});

test('so is one that has fallen silent, and one that is no longer wanted is forgotten', async () => {
  const { clock, watches, watch } = build();
  watch(1);
  await clock.advance(181_000);
  expect(watches.failure()).toContain('shop/s-0');
  watches.unwatch('shop/r-0');
  expect(watches.failure()).toBeUndefined();
});

test('a Secret that may not be read is left to its resource', async () => {
  const { clock, server, watches, watch } = build();
  server.answer = 'Forbidden';
  watch(1);
  await clock.advance(300_000);
  expect(watches.failure()).toBeUndefined();
  watches.close();
});

test('what a thousand watches log while the server is away is limited', async () => {
  const { clock, log, server, watches, watch } = build();
  server.answer = 'Unreachable';
  watch(1_000);
  await clock.advance(59_000);
  expect(log.lines).toHaveLength(10);
  await clock.advance(60_000);
  expect(log.lines).toHaveLength(20);
  expect(log.lines[10]?.fields).toMatchObject({ similarLinesLeftOut: expect.any(Number) });
  watches.close();
  await turn();
});

describe('with more resources than watches', () => {
  const few = { most: 2, resources: () => 3 };

  test('a Secret at rest has no watch, and its version is read', async () => {
    const { clock, server, watches } = build(few);
    expect(watches.watch('shop/a', 'shop', 'a', 'Rest')).toBe(false);
    await clock.advance(0);
    expect(server.asked).toBe(0);
    expect(await watches.version('shop', 'a')).toBe('8');
  });

  test('a watch ends when its resource rests again', async () => {
    const { clock, watches } = build(few);
    expect(watches.watch('shop/a', 'shop', 'a', 'Change')).toBe(true);
    await clock.advance(0);
    expect(await watches.version('shop', 'a')).toBe('7');
    watches.watch('shop/a', 'shop', 'a', 'Rest');
    expect(watches.size).toBe(0);
    expect(await watches.version('shop', 'a')).toBe('8');
  });

  test('there are never more than the bound, and an emergency gets the place of another', async () => {
    const { watches } = build(few);
    expect(watches.watch('shop/a', 'shop', 'a', 'Change')).toBe(true);
    expect(watches.watch('shop/b', 'shop', 'b', 'Change')).toBe(true);
    expect(watches.watch('shop/c', 'shop', 'c', 'Change')).toBe(false);
    expect(watches.watch('shop/d', 'shop', 'd', 'Emergency')).toBe(true);
    expect(watches.size).toBe(2);
    expect(watches.watch('shop/e', 'shop', 'e', 'Emergency')).toBe(true);
    expect(watches.watch('shop/f', 'shop', 'f', 'Emergency')).toBe(false);
    expect(watches.size).toBe(2);
    watches.close();
  });

  test('a silent watch is not believed: the version is read', async () => {
    const { clock, watches } = build(few);
    watches.watch('shop/a', 'shop', 'a', 'Change');
    await clock.advance(181_000);
    expect(await watches.version('shop', 'a')).toBe('8');
    watches.close();
  });
});

test('once there are few resources again, each Secret is watched', () => {
  let resources = 3;
  const { watches } = build({ most: 2, resources: () => resources });
  expect(watches.watch('shop/a', 'shop', 'a', 'Rest')).toBe(false);
  resources = 2;
  expect(watches.watch('shop/a', 'shop', 'a', 'Rest')).toBe(true);
  watches.close();
});

test('a resource that loses its watch to one in an emergency is woken: without a watch it is looked at sooner', async () => {
  const { clock, watches, changed } = build({ most: 1, resources: () => 200 });
  watches.watch('shop/a', 'shop', 'a', 'Change');
  await clock.advance(1_000);
  changed.length = 0;
  expect(watches.watch('shop/b', 'shop', 'b', 'Emergency')).toBe(true);
  expect(changed).toEqual(['shop/a']);
  expect(watches.watch('shop/a', 'shop', 'a', 'Change')).toBe(false);
  watches.close();
});

test('the log shows of which Secret a watch fails', async () => {
  const { clock, server, log, watches, watch } = build();
  server.answer = 'Unreachable';
  watch(1);
  await clock.advance(1_000);
  const failed = log.lines.find(({ message }) => message.startsWith('list or watch failed'));
  expect(redact(failed?.fields)).toMatchObject({ secretName: 'shop/s-0' });
  watches.close();
});
