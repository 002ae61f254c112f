/**
 * Schedules and windows against a calculator that shares nothing with them: every minute is rendered by Intl in its zone and
 * compared field by field, as a CronJob reads the fields.
 *
 * A run looks at 45 days around one clock change of each zone, by its seed. REKEY_SCHEDULE_YEARS=1 looks at all of 2025 to
 * 2028; REKEY_SEED=… repeats a run, and REKEY_RUNS=… makes it longer.
 */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { dueOf, windowState } from '../../src/rotation/cadence/cadence.ts';
import { lastRun, nextRuns, parseCron, runsAfter } from '../../src/rotation/schedule/schedule.ts';
import type { WindowSettings } from '../../src/rotation/settings/settings.ts';

const MINUTE = 60_000;
const DAY = 1_440;
const ZONES = {
  UTC: ['2027-03-01'],
  'Europe/Berlin': ['2026-03-29', '2026-10-25', '2027-03-28', '2028-10-29'],
  'America/New_York': ['2025-03-09', '2026-11-01', '2028-03-12'],
  // half an hour of summer time
  'Australia/Lord_Howe': ['2026-04-05', '2026-10-04', '2027-10-03'],
  'Asia/Kolkata': ['2028-02-29'],
  // 12:45 and 13:45 ahead
  'Pacific/Chatham': ['2026-04-05', '2026-09-27'],
  // at midnight: a day without its first hour, a day with its last hour twice
  'America/Santiago': ['2026-04-05', '2026-09-06', '2027-04-04'],
};
const seed = Number(process.env.REKEY_SEED ?? Math.floor(Math.random() * 2 ** 31));
const numRuns = Number(process.env.REKEY_RUNS ?? 40);
const wholeYears = process.env.REKEY_SCHEDULE_YEARS === '1';
console.log(`REKEY_SEED=${seed}${wholeYears ? ' REKEY_SCHEDULE_YEARS=1' : ''} repeats this run`);

// ---- the calculator ----

interface Field {
  readonly text: string;
  readonly values: ReadonlySet<number>;
  readonly star: boolean;
}
/** Minute, hour, day of month, month, day of week. */
type Fields = readonly [Field, Field, Field, Field, Field];

/** Every minute of a span as the clocks of a zone show it; one byte for each field. */
interface Table {
  readonly zone: string;
  /** Minutes since the epoch. */
  readonly first: number;
  readonly count: number;
  readonly walls: readonly Uint8Array[];
}

function tableOf(zone: string, first: number, count: number): Table {
  const options = { weekday: 'short', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric' } as const;
  const format = new Intl.DateTimeFormat('en-US', { timeZone: zone, hour12: false, ...options });
  const walls = Array.from({ length: 5 }, () => new Uint8Array(count));
  for (let i = 0; i < count; i++) {
    const text = format.format((first + i) * MINUTE);
    const [, weekday = '', month, day, hour, minute] = /^(\w+), (\d+)\/(\d+), (\d+):(\d+)$/.exec(text) ?? [];
    const dayOfWeek = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'].indexOf(weekday);
    const wall = [Number(minute), Number(hour) % 24, Number(day), Number(month), dayOfWeek];
    for (const [field, value] of wall.entries()) walls[field]![i] = value;
  }
  return { zone, first, count, walls };
}

const tables = new Map<string, Table>();
function table(zone: string, day: string): Table {
  const key = `${zone} ${wholeYears || day}`;
  const [first, count] = wholeYears ? ['2025-01-01', 1461 * DAY] : [day, 45 * DAY];
  const start = Date.parse(first) / MINUTE - (wholeYears ? 0 : 22 * DAY);
  const known = tables.get(key) ?? tableOf(zone, start, count);
  tables.set(key, known);
  return known;
}

/** All runs of a table, minutes since the epoch. */
function runsOf(fields: Fields, { first, count, walls }: Table): readonly number[] {
  const shows = fields.map(({ values }) => Array.from({ length: 60 }, (_, value) => values.has(value)));
  const runs: number[] = [];
  for (let i = 0; i < count; i++) {
    const [minute, hour, byMonth, month, byWeek] = shows.map((values, field) => values[walls[field]![i]!]);
    const day = fields[2].star || fields[4].star ? byMonth && byWeek : byMonth || byWeek;
    if (minute && hour && month && day) runs.push(first + i);
  }
  return runs;
}

// ---- what is tried ----

const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const WEEK = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];
const span = (from: number, to: number, step = 1) =>
  Array.from({ length: Math.floor((to - from) / step) + 1 }, (_, i) => from + i * step);

function fieldOf(min: number, max: number, starWeight: number, names?: readonly string[]): fc.Arbitrary<Field> {
  const value = fc.integer({ min, max });
  const step = fc.integer({ min: 1, max: max + 2 });
  const range = fc.tuple(value, value).map(([a, b]) => [Math.min(a, b), Math.max(a, b)] as const);
  const word = (number: number) => names?.[number - min] ?? String(number);
  const item = (text: string, values: readonly number[], star = false): Field => ({
    text,
    values: new Set(values),
    star,
  });
  const items = fc.oneof(
    value.map((a) => item(String(a), [a])),
    value.map((a) => item(word(a), [a])),
    range.map(([a, b]) => item(`${word(a)}-${word(b)}`, span(a, b))),
    fc.tuple(range, step).map(([[a, b], n]) => item(`${a}-${b}/${n}`, span(a, b, n))),
    fc.tuple(value, step).map(([a, n]) => item(`${a}/${n}`, span(a, max, n))),
    step.map((n) => item(`*/${n}`, span(min, max, n), n === 1)),
  );
  const list = fc.array(items, { minLength: 1, maxLength: 3 }).map((all) => ({
    text: all.map(({ text }) => text).join(','),
    values: new Set(all.flatMap(({ values }) => [...values])),
    star: all.some(({ star }) => star),
  }));
  return fc.oneof(
    { weight: starWeight, arbitrary: fc.constant(item('*', span(min, max), true)) },
    { weight: 2, arbitrary: list },
  );
}

const fields: fc.Arbitrary<Fields> = fc.tuple(
  fieldOf(0, 59, 1),
  fieldOf(0, 23, 1),
  fieldOf(1, 31, 3),
  fieldOf(1, 12, 6, MONTHS),
  fieldOf(0, 6, 3, WEEK),
);
const textOf = (all: Fields) => all.map(({ text }) => text).join(' ');
/** One clock change of each zone in a run: a table takes its time. */
const place = fc.constantFrom(
  ...Object.entries(ZONES).map(([zone, days]) => ({ zone, day: days[seed % days.length] ?? '' })),
);
/** Where in the table, from 0 to 1: most of them near its middle, where the clocks change. */
const spot = fc.oneof(fc.double({ min: 0.45, max: 0.55, noNaN: true }), fc.double({ min: 0.4, max: 1, noNaN: true }));
const minuteAt = ({ first, count }: Table, at: number) => first + Math.floor(at * (count - 1));

const LONGEST = 14 * DAY;
const windows = fc.array(
  fc.record({
    kind: fc.constantFrom('Allow', 'Deny'),
    fields,
    minutes: fc.oneof(fc.integer({ min: 1, max: DAY }), fc.integer({ min: 1, max: LONGEST })),
  }),
  { minLength: 1, maxLength: 4 },
);

/** A schedule that no year has is refused, and nothing else of what is made here is. */
function isPossible(all: Fields): boolean {
  const longest = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
  if (!all[2].star && !all[4].star) return true;
  return [...all[3].values].some((month) => [...all[2].values].some((day) => day <= (longest[month - 1] ?? 0)));
}

const check = <T>(arbitrary: fc.Arbitrary<T>, property: (value: T) => void) =>
  fc.assert(fc.property(arbitrary, property), { seed, numRuns });

describe('a schedule', () => {
  it('runs when the clocks of its zone show it', () => {
    check(fc.record({ place, fields, from: spot, to: spot }), ({ place: { zone, day }, fields, from, to }) => {
      expect(parseCron(textOf(fields)) === undefined).toBe(isPossible(fields));
      fc.pre(isPossible(fields));
      const days = table(zone, day);
      const [after, until] = [minuteAt(days, Math.min(from, to)), minuteAt(days, Math.max(from, to))];
      const end = (days.first + days.count) * MINUTE;
      const all = runsOf(fields, days).map((minute) => minute * MINUTE);
      const expected = all.filter((run) => run > after * MINUTE);
      const found: number[] = [];
      for (const run of runsAfter(textOf(fields), zone, after * MINUTE))
        if (run >= end || found.push(run) === 9_000) break;
      expect(found).toEqual(expected.slice(0, 9_000));
      const five = nextRuns(textOf(fields), zone, after * MINUTE + 1, 5);
      expect(five.filter((run) => run < end)).toEqual(expected.slice(0, 5));
      const last = all.findLast((run) => run > after * MINUTE && run <= until * MINUTE);
      expect(lastRun(textOf(fields), zone, after * MINUTE, until * MINUTE + 59_999)).toBe(last);
    });
  });

  it('has its missed start caught up once, within the deadline', () => {
    const deadline = fc.integer({ min: 1, max: LONGEST });
    check(
      fc.record({ place, fields, at: spot, deadline, ago: deadline }),
      ({ place: { zone, day }, fields, at, deadline, ago }) => {
        fc.pre(isPossible(fields));
        const days = table(zone, day);
        const now = minuteAt(days, at);
        const cadence = {
          kind: 'Cron',
          schedule: textOf(fields),
          timeZone: zone,
          startingDeadlineMs: deadline * MINUTE,
        } as const;
        const due = dueOf(cadence, { since: (now - ago) * MINUTE, failures: 0 }, now * MINUTE);
        const missed = runsOf(fields, days).findLast((run) => run <= now && run > now - deadline && run > now - ago);
        expect(due.since).toBe(missed === undefined ? undefined : missed * MINUTE);
        expect(due.next).toBe(due.since ?? due.nextRuns[0]);
      },
    );
  });
});

describe('windows', () => {
  it('are open while an Allow is and no Deny is, and say when they will be', () => {
    check(fc.record({ place, windows, at: spot }), ({ place: { zone, day }, windows, at }) => {
      fc.pre(windows.every(({ fields }) => isPossible(fields)));
      const days = table(zone, day);
      const now = minuteAt(days, at);
      const open = openMinutes(windows, days);
      const settings = windows.map(
        ({ kind, fields, minutes }): WindowSettings => ({
          kind: kind as 'Allow',
          schedule: textOf(fields),
          timeZone: zone,
          durationMs: minutes * MINUTE,
        }),
      );
      const state = windowState(settings, now * MINUTE);
      expect(state.open).toBe(open[now - days.first]);
      if (state.open) return;
      const opening = open.indexOf(true, now - days.first);
      const opensAt = opening < 0 ? undefined : (days.first + opening) * MINUTE;
      if (opensAt !== undefined) expect(state.opensAt).toBe(opensAt);
      else expect(state.opensAt ?? Infinity).toBeGreaterThanOrEqual((days.first + open.length) * MINUTE);
    });
  });
});

/** Whether a key may be promoted, for each minute of a table; right from the longest window on. */
function openMinutes(windows: readonly { kind: string; fields: Fields; minutes: number }[], days: Table): boolean[] {
  const covered = (kind: string) => {
    const minutes = new Uint8Array(days.count);
    for (const window of windows.filter((each) => each.kind === kind)) {
      for (const run of runsOf(window.fields, days))
        minutes.fill(1, run - days.first, run - days.first + window.minutes);
    }
    return minutes;
  };
  const [allowed, denied] = [covered('Allow'), covered('Deny')];
  const always = windows.every(({ kind }) => kind === 'Deny');
  return Array.from(allowed, (allow, i) => (always || allow === 1) && denied[i] === 0);
}
