import { describe, expect, test } from 'vitest';
import { earliest, pauseMs, restPauseMs, untilMissedMs } from '../../../../src/rotation/pass/again.ts';
import { facts, SETTINGS, STEADY } from '../builders.ts';

const MINUTE = 60_000;

describe('the longest pause between two looks at a resource at rest', () => {
  test.each([
    [1, 10],
    [1_000, 10],
    [2_000, 20],
    [3_000, 30],
    [10_000, 30],
  ])('%i resources: %i minutes', (resources, minutes) => {
    expect(restPauseMs(resources)).toBe(minutes * MINUTE);
  });

  test('is a bound: looks come earlier so that they spread, never later', () => {
    const pauses = [0, 0.5, 1].map((random) => pauseMs({ need: 'Rest', watched: false, resources: 1_000, random }));
    expect(pauses).toEqual([10 * MINUTE, 9 * MINUTE, 8 * MINUTE]);
  });
});

test('a resource that does not rest is looked at each minute if nothing tells of its Secret', () => {
  const moving = { need: 'Change', resources: 5_000, random: 0 } as const;
  expect(pauseMs({ ...moving, watched: true })).toBe(10 * MINUTE);
  expect(pauseMs({ ...moving, watched: false })).toBe(MINUTE);
});

test('what is due earlier counts', () => {
  expect(earliest(10, undefined, 3, 7)).toBe(3);
  expect(earliest(10, undefined)).toBe(10);
});

test.each([
  ['that is due', { since: -20_000, next: -20_000 }, 40_001],
  ['that comes while something blocks it', { next: 5_000 }, 65_001],
  ['of which there is none', {}, undefined],
])('a missed start %s is told at once, and not with the next look', (_, due, left) => {
  const cadence = { kind: 'Cron', schedule: '0 3 * * *', timeZone: 'UTC', startingDeadlineMs: MINUTE } as const;
  const now = 1_000_000;
  const at = Object.fromEntries(Object.entries(due).map(([name, ms]) => [name, now + ms]));
  const world = facts(STEADY, { now, settings: { ...SETTINGS, cadence }, due: { nextRuns: [], ...at } });
  expect(untilMissedMs(world)).toBe(left);
});
