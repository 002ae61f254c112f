/**
 * Cron schedules with the meaning of a Kubernetes CronJob, on top of node-cron.
 *
 * Exactly five fields. Where both day of month and day of week are restricted, either may match; node-cron asks for both,
 * so such an expression becomes two. A time that a change to summer time skips is skipped; one that it repeats counts once.
 */
import nodeCron, { type ScheduledTask } from 'node-cron';

const MINUTE_MS = 60_000;

/** Schedules that were asked for lately. Without a bound a flood of edits would grow it for ever. */
const MAX_TASKS = 1_000;
const tasks = new Map<string, ScheduledTask>();

/** @returns what is wrong with the expression, for people; undefined if nothing */
export function parseCron(expression: string): string | undefined {
  const fields = expression.trim().split(/\s+/);
  if (fields.length !== 5) return `"${expression}" has ${fields.length} fields, not the five of a CronJob`;
  const { valid, errors } = nodeCron.validateDetailed(expression);
  if (valid) return undefined;
  return `"${expression}" is no cron expression: ${errors.map((error) => `${error.field}: ${error.message}`).join('; ')}`;
}

/** @returns whether the name is an IANA time zone that this machine knows */
export function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

/**
 * The last run in the half-open span (after, until].
 *
 * @param after milliseconds since the epoch; keep the span short (a day costs about 20 ms)
 * @param until milliseconds since the epoch
 * @returns milliseconds since the epoch, a whole minute; undefined if there is none
 */
export function lastRun(expression: string, timeZone: string, after: number, until: number): number | undefined {
  const either = tasksOf(expression, timeZone);
  for (let minute = Math.floor(until / MINUTE_MS) * MINUTE_MS; minute > after; minute -= MINUTE_MS) {
    const date = new Date(minute);
    if (either.some((task) => task.match(date))) return minute;
  }
  return undefined;
}

/**
 * The next runs from the present time of this machine: node-cron knows no other start.
 *
 * @returns milliseconds since the epoch, ascending; fewer than `count` if the schedule has no more
 */
export function nextRuns(expression: string, timeZone: string, count: number): readonly number[] {
  const runs = tasksOf(expression, timeZone).flatMap((task) => task.getNextRuns(count).map((date) => date.getTime()));
  return [...new Set(runs)].sort((a, b) => a - b).slice(0, count);
}

function tasksOf(expression: string, timeZone: string): readonly ScheduledTask[] {
  return alternatives(expression).map((alternative) => {
    const key = `${timeZone} ${alternative}`;
    const known = tasks.get(key);
    if (known !== undefined) return known;
    if (tasks.size >= MAX_TASKS) forgetTasks();
    // never started: it only calculates
    const task = nodeCron.createTask(alternative, () => {}, { timezone: timeZone });
    tasks.set(key, task);
    return task;
  });
}

function forgetTasks(): void {
  for (const task of tasks.values()) void task.destroy();
  tasks.clear();
}

function alternatives(expression: string): readonly string[] {
  const [minute, hour, dayOfMonth, month, dayOfWeek] = expression.trim().split(/\s+/);
  const free = (field: string | undefined) => field === '*' || field === '*/1';
  if (free(dayOfMonth) || free(dayOfWeek)) return [expression];
  return [`${minute} ${hour} ${dayOfMonth} ${month} *`, `${minute} ${hour} * ${month} ${dayOfWeek}`];
}
