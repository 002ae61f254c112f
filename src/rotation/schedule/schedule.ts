/**
 * Cron schedules with the meaning of a Kubernetes CronJob.
 *
 * node-cron reads the fields. This module calculates the runs: a run is a whole minute whose wall-clock time in the
 * zone matches. So a time that the change to summer time skips is skipped, and one that the change to winter time
 * repeats runs twice, as with a CronJob. node-cron's own `getNextRuns` counts that hour once, knows no start but the
 * present and asks for day of month AND day of week; its `match` has to be asked minute by minute.
 *
 * Times are milliseconds since the epoch.
 */
import nodeCron from 'node-cron';

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/**
 * Around a year such as 2100, two 29ths of February are eight years apart. No schedule that runs at all has a longer
 * pause.
 */
const LONGEST_PAUSE_MS = 8 * 366 * DAY_MS;

/** Without a bound, many edits would let the caches grow for ever. */
const MAX_CACHED = 500;

const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const DAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];
const NONE: readonly string[] = [];

const FIELDS = [
  { name: 'minute', min: 0, max: 59, names: NONE },
  { name: 'hour', min: 0, max: 23, names: NONE },
  { name: 'day of month', min: 1, max: 31, names: NONE },
  { name: 'month', min: 1, max: 12, names: MONTHS },
  { name: 'day of week', min: 0, max: 6, names: DAYS },
];

/** `*`, `5` or `5-10`, each of them with `/2` or without. */
const ITEM = /^(?:\*|(\d+|[A-Z]{3})(?:-(\d+|[A-Z]{3}))?)(?:\/(\d+))?$/i;

/** What may run: ascending where the order matters. */
interface Cron {
  readonly minutes: readonly number[];
  readonly hours: readonly number[];
  readonly daysOfMonth: ReadonlySet<number>;
  readonly months: ReadonlySet<number>;
  readonly daysOfWeek: ReadonlySet<number>;
  /** Whether a match of either day of month or day of week is enough. */
  readonly either: boolean;
}

const crons = new Map<string, Cron | string>();
const formatters = new Map<string, Intl.DateTimeFormat>();

function cached<T>(cache: Map<string, T>, key: string, make: () => T): T {
  const known = cache.get(key);
  if (known !== undefined) return known;
  if (cache.size >= MAX_CACHED) cache.clear();
  const made = make();
  cache.set(key, made);
  return made;
}

/** @returns what is wrong with the expression, for people; undefined if nothing */
export function parseCron(expression: string): string | undefined {
  const cron = cronOf(expression);
  return typeof cron === 'string' ? `"${expression}" ${cron}` : undefined;
}

/**
 * The last run in the half-open span (after, until].
 *
 * @returns undefined if there is none
 */
export function lastRun(expression: string, timeZone: string, after: number, until: number): number | undefined {
  const cron = goodCron(expression);
  // a schedule without a run in this time never runs
  const bound = Math.max(after, until - LONGEST_PAUSE_MS);
  for (let day = startOfDay(until); day + DAY_MS > bound; day -= DAY_MS) {
    const run = runsOfDay(cron, timeZone, day).findLast((at) => at <= until);
    if (run !== undefined) return run > after ? run : undefined;
  }
  return undefined;
}

/** Yields all runs after a time, ascending, without end; nothing if the schedule never runs. */
export function* runsAfter(expression: string, timeZone: string, after: number): Generator<number, void, undefined> {
  const cron = goodCron(expression);
  let last = after;
  for (let day = startOfDay(after); day < last + LONGEST_PAUSE_MS; day += DAY_MS) {
    for (const run of runsOfDay(cron, timeZone, day)) {
      if (run <= after) continue;
      last = run;
      yield run;
    }
  }
}

/** @returns the next runs after a time, ascending; fewer than `count` if the schedule has no more */
export function nextRuns(expression: string, timeZone: string, after: number, count: number): readonly number[] {
  const runs: number[] = [];
  for (const run of runsAfter(expression, timeZone, after)) {
    if (runs.push(run) === count) break;
  }
  return runs;
}

function goodCron(expression: string): Cron {
  const cron = cronOf(expression);
  if (typeof cron === 'string') throw new Error(`"${expression}" ${cron}`);
  return cron;
}

function cronOf(expression: string): Cron | string {
  return cached(crons, expression, () => readCron(expression));
}

function readCron(expression: string): Cron | string {
  const texts = expression.trim().split(/\s+/);
  if (texts.length !== FIELDS.length) return `has ${texts.length} fields, not the five of a CronJob`;
  const read = FIELDS.map((field, i) => readField(field, texts[i] ?? ''));
  const problem = read.find((field) => typeof field === 'string');
  if (problem !== undefined) return problem;
  const [minute, hour, dayOfMonth, month, dayOfWeek] = read.map((field) =>
    typeof field === 'string' ? field : field.text,
  );
  const either = !hasStar(texts[2] ?? '') && !hasStar(texts[4] ?? '');
  const timeAndWeek = nodeCron.validateDetailed(`${minute} ${hour} * ${month} ${dayOfWeek}`);
  // node-cron refuses 31 in February; if either day is enough, the day of week may still match
  const days = nodeCron.validateDetailed(`0 0 ${dayOfMonth} ${either ? '*' : month} *`);
  if (timeAndWeek.errors.length === 0 && days.errors.some(({ message }) => message.includes('impossible'))) {
    return `never comes: day of month ${texts[2]} is in no month ${texts[3]}`;
  }
  const errors = [...timeAndWeek.errors, ...days.errors];
  if (timeAndWeek.fields === undefined || days.fields === undefined || errors.length > 0) {
    return `is not a cron expression: ${errors.map((error) => `${error.field}: ${error.message}`).join('; ')}`;
  }
  const { fields } = timeAndWeek;
  return {
    minutes: ascending(fields.minute),
    hours: ascending(fields.hour),
    daysOfMonth: new Set(days.fields.dayOfMonth.map(Number)),
    months: new Set(fields.month),
    daysOfWeek: new Set(fields.dayOfWeek.map(Number)),
    either,
  };
}

/** A CronJob's star bit: a field with a step of two or more does not have it, and so restricts the days. */
function hasStar(text: string): boolean {
  return text.split(',').some((item) => /^\*(\/0*1)?$/.test(item));
}

const ascending = (values: readonly number[]) => [...new Set(values)].sort((a, b) => a - b);
const startOfDay = (ms: number) => Math.floor(ms / DAY_MS) * DAY_MS;

/**
 * Refuses what a CronJob refuses and node-cron reads differently: 7 for Sunday, ranges that wrap around, names written
 * together (node-cron reads JANFEB as 12, December), L, W and #.
 *
 * @returns the field as node-cron understands it, or what is wrong
 */
function readField(
  { name, min, max, names }: (typeof FIELDS)[number],
  text: string,
): { readonly text: string } | string {
  const numberOf = (word: string) => {
    if (/^\d/.test(word)) return Number(word);
    const index = names.indexOf(word.toUpperCase());
    return index < 0 ? Number.NaN : index + min;
  };
  const items: string[] = [];
  for (const item of text.split(',')) {
    const match = ITEM.exec(item);
    const [, from, to, step] = match ?? [];
    const first = from === undefined ? min : numberOf(from);
    // a CronJob reads 5/15 as "from 5 on"; node-cron does not know this form
    const last = to !== undefined ? numberOf(to) : from === undefined || step !== undefined ? max : first;
    const inside = first >= min && first <= last && last <= max;
    if (match === null || !inside || Number(step) === 0) {
      const orNames = names.length === 0 ? '' : ` or ${names[0]} to ${names.at(-1)}`;
      return `has no valid ${name}: "${item}" (values from ${min} to ${max}${orNames}, ranges that ascend, steps of 1 or more)`;
    }
    items.push(first === last ? `${first}` : `${first}-${last}/${step ?? 1}`);
  }
  return { text: items.join(',') };
}

/** The runs of one day of UTC, ascending. A day without runs is cheap: the zone is used only if something may run. */
function runsOfDay(cron: Cron, timeZone: string, day: number): readonly number[] {
  const end = day + DAY_MS;
  // in other zones it is the same date, the one before or the one after
  if (!runsOnDate(cron, day - DAY_MS) && !runsOnDate(cron, day) && !runsOnDate(cron, end)) return [];
  const [before, after] = [offsetAt(timeZone, day), offsetAt(timeZone, end)];
  if (before === after) return runsWithOffset(cron, before, day, end);
  const change = changeOfOffset(timeZone, before, day, end);
  return [...runsWithOffset(cron, before, day, change), ...runsWithOffset(cron, after, change, end)];
}

/** @param date midnight of the date, as if it were one of UTC */
function runsOnDate({ daysOfMonth, months, daysOfWeek, either }: Cron, date: number): boolean {
  const at = new Date(date);
  if (!months.has(at.getUTCMonth() + 1)) return false;
  const [dayOfMonth, dayOfWeek] = [daysOfMonth.has(at.getUTCDate()), daysOfWeek.has(at.getUTCDay())];
  return either ? dayOfMonth || dayOfWeek : dayOfMonth && dayOfWeek;
}

/** The runs in [from, until), while local time is UTC and an offset. */
function runsWithOffset(cron: Cron, offset: number, from: number, until: number): readonly number[] {
  const runs: number[] = [];
  for (let date = startOfDay(from + offset); date < until + offset; date += DAY_MS) {
    if (!runsOnDate(cron, date)) continue;
    for (const hour of cron.hours) {
      for (const minute of cron.minutes) {
        const at = date + (hour * 60 + minute) * MINUTE_MS - offset;
        if (at >= from && at < until) runs.push(at);
      }
    }
  }
  return runs;
}

/** When the offset stops being `before`, to the minute. No zone changes its offset twice in a day. */
function changeOfOffset(timeZone: string, before: number, from: number, until: number): number {
  let [low, high] = [from / MINUTE_MS, until / MINUTE_MS];
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (offsetAt(timeZone, middle * MINUTE_MS) === before) low = middle;
    else high = middle;
  }
  return high * MINUTE_MS;
}

/** @returns how far local time is ahead of UTC, milliseconds */
function offsetAt(timeZone: string, ms: number): number {
  const formatter = cached(formatters, timeZone, () => {
    const digits = { year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit' } as const;
    return new Intl.DateTimeFormat('en-US', { timeZone, hourCycle: 'h23', ...digits });
  });
  const parts = Object.fromEntries(formatter.formatToParts(ms).map(({ type, value }) => [type, Number(value)]));
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0 } = parts;
  return Date.UTC(year, month - 1, day, hour, minute) - ms;
}
