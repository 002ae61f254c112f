/**
 * How long a rotation takes, as far as the previous ones show.
 */
import type { JwtKeyRotation } from '../../rotation/api/names.ts';
import { formatDuration } from '../../rotation/schedule/duration.ts';
import { lastedMs } from '../history.ts';
import type { Course } from './course.ts';

/** Of the middle of those that are known. */
export interface Expected {
  /** Milliseconds. */
  readonly ms: number;
  /** What it rests on, for people. */
  readonly from: string;
}

/**
 * @param course forward, or an emergency: how long it takes to go back depends on where it was
 * @returns undefined if nothing is known
 */
export function expectedOf({ status }: JwtKeyRotation, { way, startedAt }: Course): Expected | undefined {
  if (way === 'Abort' || way === 'RollBack') return undefined;
  const isEmergency = way === 'Emergency';
  const lasted = (status?.history ?? [])
    .filter(({ outcome, trigger }) => outcome === 'Completed' && (trigger === 'Emergency') === isEmergency)
    .flatMap((entry) => lastedMs(entry) ?? [])
    .sort((a, b) => a - b);
  const ms = lasted[Math.floor(lasted.length / 2)];
  if (ms === undefined) return undefined;
  // the drain was made longer since
  const leaves = Date.parse(status?.retireNotBefore ?? '');
  if (startedAt !== undefined && startedAt + ms < leaves) return undefined;
  const what = isEmergency ? 'emergency' : 'rotation';
  return { ms, from: lasted.length === 1 ? `the last ${what}` : `the last ${lasted.length} ${plural(what)}` };
}

function plural(what: string): string {
  return what === 'emergency' ? 'emergencies' : `${what}s`;
}

/** @returns how long it has taken, and how long that takes as a rule where that is known */
export function elapsedText(elapsedMs: number, expected: Expected | undefined): string {
  // formatDuration rounds up; time that has not passed is not shown
  const elapsed = formatDuration(Math.floor(elapsedMs / 1000) * 1000);
  if (expected === undefined) return elapsed;
  const usual = formatDuration(expected.ms);
  if (elapsedMs > expected.ms) return `${elapsed}, longer than the ${usual} expected from ${expected.from}`;
  return `${elapsed} of about ${usual} expected from ${expected.from}`;
}
