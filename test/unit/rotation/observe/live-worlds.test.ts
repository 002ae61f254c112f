import { expect, test } from 'vitest';
import { LiveWorlds } from '../../../../src/rotation/observe/live-worlds.ts';
import type { World } from '../../../../src/rotation/observe/world.ts';
import { turn } from '../../runtime/fake-clock.ts';

/** Reads that end when a test says so. */
function build() {
  const begun: { readonly namespace: string; readonly end: (error?: Error) => void }[] = [];
  const worlds = new LiveWorlds((namespace) => {
    const { promise, resolve, reject } = Promise.withResolvers<World>();
    const number = begun.length + 1;
    const end = (error?: Error) => (error === undefined ? resolve({ number } as never) : reject(error));
    begun.push({ namespace, end });
    return promise;
  });
  return { begun, worlds };
}

test('whoever asks while a read is under way gets one that begins later, shared by all who asked', async () => {
  const { begun, worlds } = build();
  const first = worlds.of('shop');
  await turn();
  const others = [worlds.of('shop'), worlds.of('shop'), worlds.of('shop')];
  await turn();
  expect(begun).toHaveLength(1);
  begun[0]?.end();
  await turn();
  expect(begun).toHaveLength(2);
  const late = worlds.of('shop');
  begun[1]?.end();
  await turn();
  begun[2]?.end();
  expect(await first).toMatchObject({ number: 1 });
  expect(await Promise.all(others)).toMatchObject([{ number: 2 }, { number: 2 }, { number: 2 }]);
  expect(await late).toMatchObject({ number: 3 });
  expect(begun).toHaveLength(3);
});

test('a read that fails fails for those who share it; the next one is made all the same', async () => {
  const { begun, worlds } = build();
  const first = worlds.of('shop');
  await turn();
  const second = worlds.of('shop');
  begun[0]?.end(new Error('away'));
  await expect(first).rejects.toThrow('away');
  await turn();
  begun[1]?.end();
  expect(await second).toMatchObject({ number: 2 });
});

test('namespaces wait for none of the others, and a read after all have ended begins anew', async () => {
  const { begun, worlds } = build();
  const shop = worlds.of('shop');
  const bank = worlds.of('bank');
  await turn();
  for (const { end } of begun) end();
  await Promise.all([shop, bank]);
  await turn();
  const again = worlds.of('shop');
  await turn();
  expect(begun.map(({ namespace }) => namespace)).toEqual(['shop', 'bank', 'shop']);
  begun[2]?.end();
  await again;
});

test('those who ask at once share a read, which begins after the last of them has asked', async () => {
  const { begun, worlds } = build();
  const first = worlds.of('shop');
  await Promise.resolve();
  expect(begun).toHaveLength(0);
  const second = worlds.of('shop');
  await turn();
  expect(begun).toHaveLength(1);
  begun[0]?.end();
  expect(await Promise.all([first, second])).toMatchObject([{ number: 1 }, { number: 1 }]);
});
