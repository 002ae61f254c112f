import { describe, expect, it } from 'vitest';
import { ServerClock } from '../../../src/runtime/server-clock.ts';
import { FakeClock } from './fake-clock.ts';

/** The server is ahead of the fake clock by this, milliseconds. */
function watching(aheadMs: number) {
  const clock = new FakeClock();
  const server = new ServerClock(clock);
  let extra = 0;
  const truth = () => clock.now() + aheadMs + extra;
  return {
    clock,
    server,
    truth,
    /** Answers take a while, and the header is made somewhere in between. */
    answer: async (beforeMs: number, afterMs: number) => {
      await clock.advance(beforeMs);
      const serverDateMs = Math.floor(truth() / 1000) * 1000;
      await clock.advance(afterMs);
      server.observe({ serverDateMs, seconds: (beforeMs + afterMs) / 1000 });
    },
    step: (ms: number) => {
      extra += ms;
    },
  };
}

describe('the clock of the API server', () => {
  it('is not known before an answer has told it', () => {
    const { server } = watching(0);
    server.observe({ seconds: 1 } as never);
    expect([server.time(), server.offsetMs()]).toEqual([undefined, undefined]);
  });

  it.each([0, 60_000, -3_600_000])(
    'is between the two times that it tells, where ours is off by %d ms',
    async (ahead) => {
      const { server, answer, clock, truth } = watching(ahead);
      for (const [before, after] of [
        [10, 700],
        [300, 20],
        [5, 5],
        [123, 456],
      ] as const) {
        await answer(before, after);
        await clock.advance(337);
        const { earliest = 0, latest = 0 } = server.time() ?? {};
        expect(earliest).toBeLessThanOrEqual(truth());
        expect(latest).toBeGreaterThanOrEqual(truth());
      }
      const { earliest = 0, latest = 0 } = server.time() ?? {};
      expect(latest - earliest).toBeLessThan(1_000);
    },
  );

  it('follows the server when that is set', async () => {
    const { server, answer, step, truth } = watching(0);
    await answer(1, 1);
    step(-7_200_000);
    await answer(1, 1);
    expect(Math.abs((server.time()?.earliest ?? 0) - truth())).toBeLessThanOrEqual(1_002);
  });
});

it('has whole milliseconds, as all times that are written, whatever the monotonic clock has', () => {
  const clock = { now: () => 1_000_000, monotonic: () => 123.456 };
  const server = new ServerClock(clock as never);
  server.observe({ serverDateMs: 2_000_000, seconds: 0.0123 });
  const { earliest = 0.5, latest = 0.5 } = server.time() ?? {};
  expect([earliest, latest, server.offsetMs()].map(Number.isInteger)).toEqual([true, true, true]);
});
