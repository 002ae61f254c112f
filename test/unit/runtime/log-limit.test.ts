import { expect, test } from 'vitest';
import { limitedLog } from '../../../src/runtime/log-limit.ts';
import { FakeClock } from './fake-clock.ts';
import { fakeLog } from './fake-log.ts';

test('a message has so many lines a minute, of all children together; the next minute tells how many were left out', async () => {
  const clock = new FakeClock();
  const log = fakeLog();
  const limited = limitedLog(log, clock, 3);
  for (let i = 0; i < 100; i += 1) limited.child({ secret: `s-${i}` }).warn('failed', { try: 1 });
  limited.warn('something else');
  expect(log.lines.map(({ message }) => message)).toEqual(['failed', 'failed', 'failed', 'something else']);
  expect(log.lines[0]).toEqual({ level: 'warn', message: 'failed', fields: { secret: 's-0', try: 1 } });
  await clock.advance(60_000);
  limited.warn('failed', { try: 2 });
  limited.warn('failed', { try: 3 });
  expect(log.lines.slice(4).map(({ fields }) => fields)).toEqual([{ try: 2, similarLinesLeftOut: 97 }, { try: 3 }]);
});
