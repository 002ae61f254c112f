import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { systemClock } from '../../../src/runtime/clock.ts';

const DAY = 86_400_000;

describe('the clock of the machine', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  test.each([0, 1, 1_000, 24 * DAY, 25 * DAY, 90 * DAY, 400 * DAY])('calls back after %i ms, not sooner', (ms) => {
    const callback = vi.fn();
    systemClock.setTimeout(callback, ms);
    vi.advanceTimersByTime(Math.max(0, ms - 1));
    expect(callback).toHaveBeenCalledTimes(ms === 0 ? 1 : 0);
    vi.advanceTimersByTime(2);
    expect(callback).toHaveBeenCalledTimes(1);
  });

  test('never calls back after Infinity, and at once after a time that is past', () => {
    const never = vi.fn();
    const now = vi.fn();
    systemClock.setTimeout(never, Number.POSITIVE_INFINITY);
    systemClock.setTimeout(now, -5);
    vi.advanceTimersByTime(1_000 * DAY);
    expect(never).not.toHaveBeenCalled();
    expect(now).toHaveBeenCalledTimes(1);
  });

  test('does not call back when it is cancelled, be it in the second month', () => {
    const callback = vi.fn();
    const timer = systemClock.setTimeout(callback, 90 * DAY);
    vi.advanceTimersByTime(40 * DAY);
    timer.cancel();
    timer.cancel();
    vi.advanceTimersByTime(90 * DAY);
    expect(callback).not.toHaveBeenCalled();
    expect(vi.getTimerCount()).toBe(0);
  });

  test('sleeps, and wakes with the reason of the signal', async () => {
    const stop = new AbortController();
    const slept = systemClock.sleep(1_000);
    const woken = systemClock.sleep(1_000, stop.signal);
    stop.abort(new Error('enough'));
    await expect(woken).rejects.toThrow('enough');
    await expect(systemClock.sleep(1_000, stop.signal)).rejects.toThrow('enough');
    vi.advanceTimersByTime(1_000);
    await expect(slept).resolves.toBeUndefined();
    expect(vi.getTimerCount()).toBe(0);
  });
});
