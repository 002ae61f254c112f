import { EventEmitter } from 'node:events';
import { expect, test, vi } from 'vitest';
import { onStopSignals, runStopSteps } from '../../../src/runtime/shutdown.ts';
import { FakeClock } from './fake-clock.ts';
import { fakeLog } from './fake-log.ts';

function build() {
  const source = Object.assign(new EventEmitter(), { exit: vi.fn() });
  return { source, stop: onStopSignals(source, fakeLog()) };
}

test.each([
  ['SIGTERM', 143],
  ['SIGINT', 130],
])('the first %s asks, the second exits at once', (name, code) => {
  const { source, stop } = build();
  source.emit(name);
  expect(stop.signal.aborted).toBe(true);
  expect(source.exit).not.toHaveBeenCalled();
  source.emit(name);
  expect(source.exit).toHaveBeenCalledExactlyOnceWith(code);
});

test('a second signal of the other kind exits too', () => {
  const { source } = build();
  source.emit('SIGTERM');
  source.emit('SIGINT');
  expect(source.exit).toHaveBeenCalledExactlyOnceWith(130);
});

test('dispose leaves no listener', () => {
  const { source, stop } = build();
  stop.dispose();
  expect(source.listenerCount('SIGTERM') + source.listenerCount('SIGINT')).toBe(0);
});

test('steps run one after another, and those that fail or hang do not keep the next from running', async () => {
  const clock = new FakeClock();
  const log = fakeLog();
  const order: string[] = [];
  let hungSignal: AbortSignal | undefined;
  const steps = [
    {
      name: 'drain',
      limitMs: 20_000,
      run: async () => {
        await clock.sleep(5_000);
        order.push('drain');
      },
    },
    {
      name: 'sync failure',
      limitMs: 1_000,
      run: () => {
        throw new Error('at once');
      },
    },
    {
      name: 'hang',
      limitMs: 2_000,
      run: (signal: AbortSignal) => {
        hungSignal = signal;
        return new Promise(() => undefined);
      },
    },
    { name: 'lease', limitMs: 1_000, run: () => order.push('lease') },
  ];
  const ending = runStopSteps(steps, { clock, log });
  await clock.advance(6_999);
  expect(order).toEqual(['drain']);
  expect(hungSignal?.aborted).toBe(false);
  await clock.advance(1);
  expect(await ending).toEqual(['sync failure', 'hang']);
  expect(order).toEqual(['drain', 'lease']);
  expect(hungSignal?.aborted).toBe(true);
  expect(log.lines).toHaveLength(2);
  expect(clock.timers).toBe(0);
});
