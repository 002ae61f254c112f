import { expect, test } from 'vitest';
import { Backoff, exponential } from '../../../src/runtime/backoff.ts';
import { FakeClock } from './fake-clock.ts';

const options = { baseMs: 800, capMs: 30_000, resetAfterMs: 120_000 };

test('pauses double up to the cap', () => {
  const backoff = new Backoff({ clock: new FakeClock(), random: () => 0, ...options });
  expect(Array.from({ length: 8 }, () => backoff.next())).toEqual([
    800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000,
  ]);
});

test('jitter takes off up to half', () => {
  const backoff = new Backoff({ clock: new FakeClock(), random: () => 1, ...options });
  expect(backoff.next()).toBe(400);
});

test('pauses start again after two healthy minutes, and not sooner', () => {
  const clock = new FakeClock();
  const backoff = new Backoff({ clock, random: () => 0, ...options });
  backoff.next();
  backoff.next();
  clock.freeze(119_000);
  expect(backoff.next()).toBe(3_200);
  clock.freeze(121_000);
  expect(backoff.next()).toBe(800);
});

test('ten thousand failures do not overflow', () => {
  expect(exponential(5, 300_000, 10_000)).toBe(300_000);
});
