import { describe, expect, it } from 'vitest';
import { patience } from './patience.ts';

describe('patience', () => {
  it.each([
    ['is as set on an idle machine', 0.1, 2, 1],
    ['is as set under the load of the campaign itself', 6, 2, 1],
    ['grows with the load of others', 12, 2, 2],
    ['has an end', 1_000, 2, 5],
  ])('%s', (_, load, cores, expected) => {
    expect(patience(load, cores)).toBe(expected);
  });
});
