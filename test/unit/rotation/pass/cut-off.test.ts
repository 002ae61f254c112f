/** What an emergency cuts off, and what it waits for a moment only. */
import { describe, expect, it } from 'vitest';
import { cutOffBy, within } from '../../../../src/rotation/pass/cut-off.ts';
import { FakeClock } from '../../runtime/fake-clock.ts';

describe('work that an emergency cuts off', () => {
  /** Ends when it is cut off, or after a minute. */
  const work = (clock: FakeClock) => (cut: AbortSignal) =>
    clock.sleep(60_000, cut).then(
      () => 'whole',
      () => 'cut off',
    );

  it('is told so within a moment', async () => {
    const clock = new FakeClock();
    let urgent = false;
    const ended = cutOffBy(clock, () => urgent, work(clock));
    await clock.advance(1_000);
    urgent = true;
    await clock.advance(250);
    expect(await ended).toBe('cut off');
    expect(clock.timers).toBe(0);
  });

  it('ends by itself else, and leaves no timer', async () => {
    const clock = new FakeClock();
    const ended = cutOffBy(clock, () => false, work(clock));
    await clock.advance(60_000);
    expect(await ended).toBe('whole');
    expect(clock.timers).toBe(0);
  });
});

describe('work that is waited for a moment', () => {
  it('gives what it gives, and its failure', async () => {
    const clock = new FakeClock();
    const never = () => expect.unreachable();
    expect(await within(clock, 1_000, Promise.resolve('done'), 'late', never)).toBe('done');
    await expect(within(clock, 1_000, Promise.reject(new Error('no')), 'late', never)).rejects.toThrow('no');
    expect(clock.timers).toBe(0);
  });

  it('goes on when that is over, and a failure is told then', async () => {
    const clock = new FakeClock();
    const work = Promise.withResolvers<string>();
    const told: unknown[] = [];
    const ended = within(clock, 1_000, work.promise, 'late', (error) => told.push(error));
    await clock.advance(1_000);
    expect(await ended).toBe('late');
    work.reject('no');
    await clock.advance(0);
    expect(told).toEqual(['no']);
  });
});
