import { expect, test } from 'vitest';
import { Fleet } from '../../src/fleet.ts';
import { FakeClock } from './runtime/fake-clock.ts';
import { fakeLog } from './runtime/fake-log.ts';

test('the bound for a change of a Secret at rest is told when it changes, and that more resources were not measured', async () => {
  const clock = new FakeClock();
  const log = fakeLog();
  let resources = 100;
  const secrets = {
    get all() {
      return resources <= 100;
    },
    size: 0,
  };
  const fleet = new Fleet({ secrets, resources: () => resources, clock, log });
  const end = new AbortController();
  const running = fleet.run(end.signal);
  await clock.advance(3_600_000);
  expect(log.lines).toEqual([]);
  expect(fleet.intervalSeconds()).toBe(0);
  const told: unknown[] = [];
  for (const count of [101, 102, 1_000, 1_001, 2_000, 10_000, 11_000, 50]) {
    resources = count;
    await clock.advance(60_000);
    told.push(fleet.intervalSeconds());
  }
  expect(told).toEqual([600, 600, 600, 600.6, 1_200, 1_800, 1_800, 0]);
  expect(log.lines.map(({ level, fields }) => [level, fields?.lookEverySeconds])).toEqual([
    ['info', 600],
    ['info', 601],
    ['info', 1_200],
    ['warn', 1_800],
    ['info', 0],
  ]);
  end.abort();
  await running;
});
