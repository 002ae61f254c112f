import { afterEach, describe, expect, it, vi } from 'vitest';
import { backoffUntil, dueOf, impossibleWindow, windowState } from '../../../../src/rotation/cadence/cadence.ts';
import { lastRun, nextRuns, parseCron } from '../../../../src/rotation/schedule/schedule.ts';
import type { Cadence } from '../../../../src/rotation/settings/settings.ts';

const DAY = 86_400_000;
const at = (text: string) => Date.parse(text);
const iso = (ms: number | undefined) => (ms === undefined ? undefined : new Date(ms).toISOString());

afterEach(() => void vi.restoreAllMocks());

describe('a cron expression', () => {
  it.each([
    ['0 3 * * 0', true],
    ['0 3 1 */3 *', true],
    ['0 0 31 2 *', false],
    ['60 * * * *', false],
    ['* * * * * *', false],
    ['0 3 * *', false],
    ['@daily', false],
    // as a CronJob has it, and node-cron does not
    ['5/15 * * * *', true],
    ['0 0 31 2 MON', true],
    ['0 0 * * 7', false],
    ['0 22-2 * * *', false],
    ['0 0 1 JANFEB *', false],
    ['0 0 L * *', false],
    ['0 0 1 * 1#2', false],
    ['*/0 * * * *', false],
    ['1,,2 * * * *', false],
  ])('%s is accepted: %s', (expression, good) => {
    expect(parseCron(expression) === undefined).toBe(good);
  });

  it.each([
    ['0 0 30 2 *', 'never comes: day of month 30 is in no month 2'],
    ['0 3 * * FUN', 'has no valid day of week: "FUN" (values from 0 to 6 or SUN to SAT,'],
    ['0 3 1 FOO *', 'has no valid month: "FOO" (values from 1 to 12 or JAN to DEC,'],
    ['99 3 * * *', 'has no valid minute: "99" (values from 0 to 59,'],
  ])('%s is refused in words: %s', (expression, why) => expect(parseCron(expression)).toContain(why));

  it('with both days restricted runs on either, as a CronJob does', () => {
    const runs = nextRuns('0 0 13 * 5', 'UTC', at('2026-03-01T00:00:00Z'), 4).map(iso);
    expect(runs).toEqual(['2026-03-06', '2026-03-13', '2026-03-20', '2026-03-27'].map((day) => `${day}T00:00:00.000Z`));
    expect(iso(lastRun('0 0 13 * 5', 'UTC', at('2026-04-11T00:00:00Z'), at('2026-04-13T12:00:00Z')))).toBe(
      '2026-04-13T00:00:00.000Z',
    );
  });

  it('has both days restricted by a step, as a CronJob does, and not by a star', () => {
    const march = (expression: string) => nextRuns(expression, 'UTC', at('2026-02-28T12:00:00Z'), 4).map(iso);
    const days = (...all: string[]) => all.map((day) => `2026-03-${day}T00:00:00.000Z`);
    expect(march('0 0 */10 * MON')).toEqual(days('01', '02', '09', '11'));
    expect(march('0 0 */1 * MON')).toEqual(days('02', '09', '16', '23'));
  });

  it('skips what a change to summer time skips, and runs twice in an hour that comes twice', () => {
    const runs = (expression: string, zone: string, from: string) =>
      nextRuns(expression, zone, at(from), 3).map((run) => new Date(run).toISOString().slice(5, 16));
    expect(runs('30 2 * * *', 'America/New_York', '2026-03-07T00:00Z')).toEqual([
      ...['03-07T07:30', '03-09T06:30', '03-10T06:30'],
    ]);
    expect(runs('30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00Z')).toEqual([
      ...['10-25T00:30', '10-25T01:30', '10-26T01:30'],
    ]);
    // robfig/cron itself misses this one: it goes by whole hours over a change of half an hour
    expect(runs('0 18 * * *', 'Australia/Lord_Howe', '2026-10-03T08:00Z')[0]).toBe('10-04T07:00');
    // midnight does not exist
    expect(runs('0 0 * * *', 'America/Santiago', '2026-09-05T05:00Z')[0]).toBe('09-07T03:00');
  });

  it('is found where it is rare, and asks the clocks of the zone about days on which it may run only', () => {
    const asked = vi.spyOn(Intl.DateTimeFormat.prototype, 'formatToParts');
    const [from, to] = [at('2026-04-17T12:00:00Z'), at('2026-05-01T12:00:00Z')];
    expect(lastRun('0 3 1 1 *', 'Europe/Berlin', from, to)).toBeUndefined();
    expect(asked).toHaveBeenCalledTimes(0);
    // 14 days minute by minute would be 20,160
    expect(lastRun('59 23 * * *', 'Europe/Berlin', from, to)).toBe(at('2026-04-30T21:59:00Z'));
    expect(
      windowState([{ kind: 'Allow', schedule: '0 3 16 * *', timeZone: 'Europe/Berlin', durationMs: 14 * DAY }], to),
    ).toEqual({
      open: false,
      opensAt: at('2026-05-16T01:00:00Z'),
    });
    expect(nextRuns('0 0 29 2 *', 'Europe/Berlin', to, 5)).toHaveLength(5);
    expect(asked.mock.calls.length).toBeLessThan(100);
  });
});

describe('when a rotation is due', () => {
  const cron: Cadence = { kind: 'Cron', schedule: '0 3 * * *', timeZone: 'UTC', startingDeadlineMs: DAY / 4 };
  const since = at('2026-01-01T12:00:00Z');

  it('counts a period from the last completed rotation', () => {
    const period: Cadence = { kind: 'Period', periodMs: 90 * DAY };
    expect(dueOf(period, { since, failures: 0 }, since + 90 * DAY - 1).since).toBeUndefined();
    expect(dueOf(period, { since, failures: 0 }, since + 90 * DAY).since).toBe(since + 90 * DAY);
    expect(dueOf(period, { since, failures: 0 }, since).nextRuns).toHaveLength(5);
  });

  it('catches a missed start up once, within the starting deadline', () => {
    const due = (now: string, from = since) => iso(dueOf(cron, { since: from, failures: 0 }, at(now)).since);
    expect(due('2026-01-02T02:59:59Z')).toBeUndefined();
    expect(due('2026-01-02T03:00:00Z')).toBe('2026-01-02T03:00:00.000Z');
    expect(due('2026-01-02T08:59:00Z')).toBe('2026-01-02T03:00:00.000Z');
    expect(due('2026-01-02T09:00:00Z')).toBeUndefined();
    expect(due('2026-01-02T08:00:00Z', at('2026-01-02T03:30:00Z'))).toBeUndefined();
  });

  it('waits longer after each failure', () => {
    expect(backoffUntil({ since, failures: 0 })).toBe(0);
    expect(backoffUntil({ since, failures: 1, failedAt: 0 })).toBe(DAY / 24);
    expect(backoffUntil({ since, failures: 40, failedAt: 0 })).toBe(DAY);
  });
});

describe('a maintenance window', () => {
  const allow = { kind: 'Allow', schedule: '0 22 * * *', timeZone: 'UTC', durationMs: 4 * 3_600_000 } as const;
  const deny = { ...allow, kind: 'Deny', schedule: '0 0 1 1 *', durationMs: DAY } as const;
  const open = (windows: Parameters<typeof windowState>[0], now: string) => windowState(windows, at(now));

  it('is open across midnight, up to its end', () => {
    const times = ['21:59', '22:00', '23:59'].map((time) => open([allow], `2026-05-01T${time}:00Z`).open);
    const after = ['01:59', '02:00'].map((time) => open([allow], `2026-05-02T${time}:00Z`).open);
    expect([...times, ...after]).toEqual([false, true, true, true, false]);
  });

  it('says when it opens', () => {
    expect(iso(open([allow], '2026-05-01T12:00:00Z').opensAt)).toBe('2026-05-01T22:00:00.000Z');
  });

  it('is always open when none is declared, and Deny beats Allow', () => {
    expect(open([], '2026-01-01T12:00:00Z').open).toBe(true);
    expect(open([deny], '2026-01-01T12:00:00Z').open).toBe(false);
    expect(open([allow, deny], '2026-01-01T22:30:00Z').open).toBe(false);
    expect(open([allow, deny], '2026-01-02T22:30:00Z').open).toBe(true);
  });

  it('says when it opens, time after time', () => {
    const short = [{ ...allow, durationMs: 60_000 }];
    const opensAt = ['2026-05-01T21:00', '2026-05-01T21:59', '2026-05-01T22:01', '2026-04-30T12:00'].map((now) =>
      iso(open(short, `${now}:00Z`).opensAt)?.slice(5, 16),
    );
    expect(opensAt).toEqual(['05-01T22:00', '05-01T22:00', '05-02T22:00', '04-30T22:00']);
  });

  it('opens when the last Deny is over, if only Deny windows are declared', () => {
    expect(iso(open([deny], '2026-01-01T12:00:00Z').opensAt)).toBe('2026-01-02T00:00:00.000Z');
    const chain = [deny, { ...deny, schedule: '0 12 1-3 1 *' }];
    expect(iso(open(chain, '2026-01-01T12:00:00Z').opensAt)).toBe('2026-01-04T12:00:00.000Z');
  });

  it('opens after the Deny that covers its beginning, and not at all if that covers all of it', () => {
    const shut = { ...allow, kind: 'Deny', schedule: '0 21 * * *' } as const;
    expect(iso(open([allow, shut], '2026-05-01T12:00:00Z').opensAt)).toBe('2026-05-02T01:00:00.000Z');
    expect(open([allow, { ...shut, durationMs: 5 * 3_600_000 }], '2026-05-01T12:00:00Z')).toEqual({ open: false });
  });

  it('has a bound for windows of every minute', () => {
    const every = { ...allow, schedule: '* * * * *', durationMs: 60_000 } as const;
    const denies = Array.from({ length: 31 }, (_, i) => ({ ...every, kind: 'Deny' as const, durationMs: 60_000 + i }));
    const asked = vi.spyOn(Intl.DateTimeFormat.prototype, 'formatToParts');
    expect(open([every, ...denies], '2026-05-01T12:00:00Z')).toEqual({ open: false });
    expect(asked.mock.calls.length).toBeLessThan(2_000);
    open([every, ...denies], '2026-05-01T12:00:30Z');
    expect(asked.mock.calls.length).toBeLessThan(2_100);
  });
});

describe('windows in which no rotation would end', () => {
  const now = at('2026-05-01T12:00:00Z');
  const night = { kind: 'Allow', schedule: '0 3 * * SUN', timeZone: 'UTC', durationMs: 2 * 3_600_000 } as const;
  const cron = { kind: 'Cron', schedule: '0 12 1 * *', timeZone: 'UTC', startingDeadlineMs: DAY } as const;
  const finding = (windows: Parameters<typeof windowState>[0], cadence: Cadence = cron) =>
    impossibleWindow(windows, dueOf(cadence, { since: now, failures: 0 }, now), now, undefined);

  it('are found', () => {
    const never = finding([night, { ...night, kind: 'Deny', schedule: '0 0 * * *' }]);
    expect(never).toBeUndefined();
    const covered = finding([night, { ...night, kind: 'Deny', schedule: '0 0 * * *', durationMs: DAY }]);
    expect(covered).toMatchObject({
      reason: 'InvalidWindow',
      message: expect.stringContaining('spec.maintenanceWindows'),
    });
    expect(covered?.message).toContain('no window opens after 2026-06-01T12:00:00.000Z');
  });

  it('are found if the next rotation is due before they open', () => {
    expect(finding([night])).toBeUndefined();
    expect(finding([{ ...night, schedule: '0 3 25 12 *' }])?.message).toMatch(
      /starts at 2026-06-01T12.* before 2026-12-25T03.* due at 2026-07-01T12/,
    );
    const period = { kind: 'Period', periodMs: 5 * DAY } as const;
    expect(finding([night], period)).toBeUndefined();
    expect(finding([night], { ...period, periodMs: 3 * DAY })?.message).toContain('due at 2026-05-07T12:00:00.000Z');
  });

  it('are not looked for where there are none, and never in what is long overdue', () => {
    expect(finding([])).toBeUndefined();
    const overdue = dueOf({ kind: 'Period', periodMs: DAY }, { since: now - 90 * DAY, failures: 0 }, now);
    expect(impossibleWindow([night], overdue, now, undefined)).toBeUndefined();
    // a window must be as long as the signers took last time
    expect(impossibleWindow([night], overdue, now, night.durationMs)).toBeUndefined();
    expect(impossibleWindow([night], overdue, now, night.durationMs + 1)?.reason).toBe('WindowTooShort');
  });
});
