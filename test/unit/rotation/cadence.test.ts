import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { backoffUntil, dueOf, windowState } from '../../../src/rotation/cadence.ts';
import { isTimeZone, lastRun, nextRuns, parseCron } from '../../../src/rotation/schedule.ts';
import type { Cadence } from '../../../src/rotation/settings.ts';

const DAY = 86_400_000;
const at = (text: string) => Date.parse(text);
const iso = (ms: number | undefined) => ms && new Date(ms).toISOString();

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => void vi.useRealTimers());

describe('a cron expression', () => {
  it.each([
    ['0 3 * * 0', true],
    ['0 3 1 */3 *', true],
    ['0 0 31 2 *', false],
    ['60 * * * *', false],
    ['* * * * * *', false],
    ['0 3 * *', false],
    ['@daily', false],
  ])('%s is accepted: %s', (expression, good) => {
    expect(parseCron(expression) === undefined).toBe(good);
  });

  it('with both days restricted runs on either, as a CronJob does', () => {
    vi.setSystemTime(at('2026-03-01T00:00:00Z'));
    const runs = nextRuns('0 0 13 * 5', 'UTC', 4).map(iso);
    expect(runs).toEqual(['2026-03-06', '2026-03-13', '2026-03-20', '2026-03-27'].map((day) => `${day}T00:00:00.000Z`));
    expect(iso(lastRun('0 0 13 * 5', 'UTC', at('2026-04-11T00:00:00Z'), at('2026-04-13T12:00:00Z')))).toBe(
      '2026-04-13T00:00:00.000Z',
    );
  });

  it('follows its time zone through the change to winter time, once', () => {
    const span = [at('2026-10-25T00:00:00Z'), at('2026-10-25T12:00:00Z')] as const;
    expect(iso(lastRun('0 3 * * 0', 'Europe/Berlin', ...span))).toBe('2026-10-25T02:00:00.000Z');
    expect(isTimeZone('Europe/Berlin')).toBe(true);
    expect(isTimeZone('Mars/Olympus')).toBe(false);
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
  const open = (windows: Parameters<typeof windowState>[0], now: string) => {
    vi.setSystemTime(at(now));
    return windowState(windows, at(now));
  };

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
});
