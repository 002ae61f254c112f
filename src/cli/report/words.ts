/** How a report writes times, durations and verdicts, on the terminal and on the page. */
import type { Verdict } from '../../rotation/audit/audit-log.ts';
import { formatDuration } from '../../rotation/schedule/duration.ts';
import type { Key, Report } from './model.ts';

/** @returns such as `2026-11-29 21:54:43 UTC` */
export function atText(time: string): string {
  return `${new Date(time).toISOString().slice(0, 19).replace('T', ' ')} UTC`;
}

/** @returns the time of day of a moment in a phase, such as `21:54:43.120` */
export function clockText(time: string): string {
  return new Date(time).toISOString().slice(11, 23);
}

/** @returns how long after the first the second time was, such as `3.4 s` or `1h 16m` */
export function afterText(from: string, to: string): string {
  const ms = Math.max(0, Date.parse(to) - Date.parse(from));
  return ms < 60_000 ? `${(ms / 1000).toFixed(1)} s` : formatDuration(ms);
}

/** @returns such as `3 pods` */
export function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}

/** @returns a sentence, and no more than the chain proves */
export function chainText({ broken, first, last, head }: Verdict): string {
  if (broken !== undefined) return `The log is BROKEN: ${broken}. Do not rely on this report before you know why.`;
  return `Each of the records ${first} to ${last} is unchanged and follows the one before it. The last has the hash ${head}. A chain does not show records that are missing at its end: compare the hash with "head" in the operator's own log.`;
}

/** @returns what the ledger says of a key, or that it says nothing */
export function stateText({ state, stateSince }: Key): string {
  return state === undefined || stateSince === undefined ? 'not in the ledger' : `${state} since ${atText(stateSince)}`;
}

/** @returns such as `90d, since 2026-01-01 00:00:00 UTC` */
export function ageText({ createdAt, ageSeconds }: Key): string {
  if (createdAt === undefined || ageSeconds === undefined) return 'not recorded';
  return `${formatDuration(ageSeconds * 1000)}, since ${atText(createdAt)}`;
}

/** @returns who started it and how, a phrase */
export function startedBy({ rotation: { trigger, actor } }: Report): string {
  return `${trigger}, ${actor === '' ? 'nobody is named' : actor}`;
}
