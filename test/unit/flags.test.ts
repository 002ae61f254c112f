/** Flags of the operator that do not go together, or are out of bounds, are refused. */
import { expect, it } from 'vitest';
import { parseFlags, UsageError } from '../../src/flags.ts';

it('there is one shard unless a flag asks for more', () => {
  expect(parseFlags([]).shards).toBe(1);
  expect(parseFlags(['--shards', '32']).shards).toBe(32);
  expect(parseFlags(['--shards=1', '--no-leader-election', '--namespace=shop']).shards).toBe(1);
});

it.each<[readonly string[], RegExp]>([
  [['--shards=0'], /--shards 0: write a whole number of 1 or more/],
  [['--shards=33'], /--shards 33: write 32 or less/],
  [['--shards=three'], /--shards three: write a whole number/],
  [['--shards=1.5'], /--shards 1.5: write a whole number/],
  [['--shards='], /--shards : write a whole number/],
  [['--shards=3', '--no-leader-election'], /needs leader election/],
  [['--shards=3', '--namespace=shop'], /leave out one of the two/],
])('%j is refused', (args, message) => {
  expect(() => parseFlags(args)).toThrow(UsageError);
  expect(() => parseFlags(args)).toThrow(message);
});
