import { expect, test } from 'vitest';
import { KubeError } from '../../../../src/kube/errors.ts';
import type { ListOptions, WatchOptions } from '../../../../src/kube/options.ts';
import { SecretWatches, type SecretWatchesOptions } from '../../../../src/rotation/secret/secret-watches.ts';
import { FakeClock, turn } from '../../runtime/fake-clock.ts';
import { fakeLog } from '../../runtime/fake-log.ts';

type Answer = 'list' | 'hang' | 'Unreachable' | 'Forbidden';

/** A server that answers lists as it is told, and whose watches are silent. */
function build() {
  const clock = new FakeClock();
  const log = fakeLog();
  const server = { answer: 'list' as Answer, asked: 0, most: 0, let: () => {} };
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
    async *watch(_: unknown, { signal }: WatchOptions) {
      await new Promise<void>((resolve) => signal?.addEventListener('abort', () => resolve()));
    },
  } as unknown as SecretWatchesOptions['client'];
  const changed: string[] = [];
  const watches = new SecretWatches({ client, clock, log, onChange: (key) => changed.push(key) });
  const watch = (count: number) => {
    for (let i = 0; i < count; i += 1) watches.watch(`shop/r-${i}`, 'shop', `s-${i}`);
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
  expect(watches.resourceVersion('shop', 's-999')).toBe('7');
  watches.close();
});

test('a watch that has told nothing for half a minute is said, with its Secret', async () => {
  const { clock, server, watches, watch } = build();
  watch(2);
  await clock.advance(0);
  server.answer = 'Unreachable';
  watches.watch('shop/late', 'shop', 'late');
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
