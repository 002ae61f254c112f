import { expect, test } from 'vitest';
import { FairLimit } from '../../../src/runtime/fair-limit.ts';
import { turn } from './fake-clock.ts';

/** Work that ends when the test says so. */
function gated(limit: FairLimit) {
  const begun: string[] = [];
  const ends: (() => void)[] = [];
  const start = (group: string, name: string, priority = 0) =>
    limit.run(group, priority, () => {
      begun.push(name);
      return new Promise<void>((resolve) => ends.push(resolve));
    });
  const endOne = async () => {
    ends.shift()?.();
    await turn();
  };
  return { begun, start, endOne };
}

test('runs so many at once, groups take turns, and the higher priority goes first', async () => {
  const { begun, start, endOne } = gated(new FairLimit(2));
  for (const name of ['a1', 'a2', 'a3', 'a4']) void start('a', name);
  void start('b', 'b1');
  void start('a', 'urgent', 1);
  await turn();
  expect(begun).toEqual(['a1', 'a2']);
  for (let i = 0; i < 4; i += 1) await endOne();
  expect(begun).toEqual(['a1', 'a2', 'urgent', 'a3', 'b1', 'a4']);
});

test('work that fails gives its place back', async () => {
  const limit = new FairLimit(1);
  await expect(limit.run('a', 0, () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  expect(await limit.run('a', 0, async () => 'next')).toBe('next');
});
