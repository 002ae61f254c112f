/** What a commit asks for: docs/gitops.md has a line for each. */
import { describe, expect, it } from 'vitest';
import { dueOf } from '../../../src/rotation/cadence/cadence.ts';
import type { Handled } from '../../../src/rotation/keyset/keyset.ts';
import { pending, served } from '../../../src/rotation/plan/pending.ts';
import type { Cadence } from '../../../src/rotation/settings/settings.ts';
import { facts, SETTINGS, STEADY } from '../rotation/builders.ts';

const at = (text: string) => Date.parse(`2026-03-10T${text}Z`);
const LAST = Date.parse('2026-02-01T03:30:00Z');
const cron = (schedule: string, startingDeadlineMs = 86_400_000): Cadence => ({
  ...{ kind: 'Cron', schedule, timeZone: 'Etc/UTC', startingDeadlineMs },
});
const sinceOf = (cadence: Cadence, now: number, since = LAST) => dueOf(cadence, { since, failures: 0 }, now).since;

/** Those of a row of commits of `spec.forceRotation.reason` for which a rotation starts; each has ended before the next one. */
function started(reasons: readonly string[]): readonly string[] {
  let handled: Handled = {};
  return reasons.filter((reason) => {
    const world = facts(STEADY, { settings: { ...SETTINGS, forceReason: reason } });
    const waits = pending(world.requests, reason, handled).length > 0;
    if (waits) handled = served(world, handled);
    return waits;
  });
}

describe('a commit of spec.forceRotation.reason', () => {
  it.each<[string, readonly string[], readonly string[]]>([
    ['starts one rotation, however often it is applied', ['a', 'a', 'a'], ['a']],
    ['starts one for each new reason', ['a', 'b'], ['a', 'b']],
    ['that removes the reason starts none, and the same reason later none either', ['a', '', 'a'], ['a']],
    ['that is reverted to an older reason starts one again', ['a', 'b', 'a'], ['a', 'b', 'a']],
  ])('%s', (_, reasons, expected) => {
    expect(started(reasons)).toEqual(expected);
  });
});

describe('a commit of spec.schedule', () => {
  it('starts nothing if the new schedule has no run in the starting deadline', () => {
    expect(sinceOf(cron('0 3 1 * *'), at('10:00:00'))).toBeUndefined();
  });

  it('starts a rotation at once if it has: as with a CronJob, that run counts as missed', () => {
    expect(sinceOf(cron('0 3 * * 2'), at('10:00:00'))).toBe(at('03:00:00'));
  });

  it('starts nothing with a starting deadline that is shorter than that', () => {
    expect(sinceOf(cron('0 3 * * 2', 3_600_000), at('10:00:00'))).toBeUndefined();
  });

  it('does not repeat a run that a rotation has served', () => {
    expect(sinceOf(cron('0 3 * * 2'), at('10:00:00'), at('04:30:00'))).toBeUndefined();
  });
});
