/**
 * What is followed, in words: for rows of a view, and for lines where there is none.
 */
import { oneLine } from '../../rotation/people/text.ts';
import { formatDuration } from '../../rotation/schedule/duration.ts';
import { type Meaning, meaningOf } from './course.ts';
import type { Subject } from './subject.ts';
import { targetSum } from './targets.ts';
import { clockText, leftText } from './times.ts';

/** @returns namespace and name */
export function nameOf({ resource: { metadata } }: Subject): string {
  return oneLine(`${metadata.namespace}/${metadata.name}`);
}

/** @returns what a stage means now; undefined at rest, and of a rotation that is over */
export function meaningNow({ course, hindrance }: Subject): Meaning | undefined {
  if (course?.stage !== 'requested' || hindrance === undefined) return course && meaningOf(course);
  return { does: 'the request waits', next: 'it starts when nothing is in the way any more' };
}

/** @returns what comes next, and when, as far as that is known */
export function nextText(subject: Subject, now: number): string {
  const { resource, course, opensAt, hindrance, note } = subject;
  const { spec, status = {} } = resource;
  if (course === undefined) {
    if (spec.suspend) return 'no rotation: spec.suspend is set';
    const at = Date.parse(status.nextRotationTime ?? '');
    return Number.isNaN(at) ? 'no rotation is scheduled' : `a rotation ${leftText(at, now)}`;
  }
  const meaning = meaningNow(subject);
  if (meaning === undefined) return 'nothing: it is over';
  if (opensAt !== undefined) {
    const [stage] = oneLine(meaning.next).split(',');
    return `${stage}, when the maintenance window opens, ${leftText(opensAt, now)}`;
  }
  const leaves = Date.parse(status.retireNotBefore ?? '');
  if (course.stage !== 'draining' || Number.isNaN(leaves)) return oneLine(meaning.next);
  if (now >= leaves) return 'retiring, after every pod has answered once more';
  const isHeld = hindrance !== undefined || note !== undefined;
  return isHeld ? `retiring, but not before ${clockText(leaves, now)}` : `retiring ${leftText(leaves, now)}`;
}

/** @returns where it is, such as `draining; next retiring in 22s, at 20:14:09 UTC` */
export function whereText(subject: Subject, now: number): string {
  const stage = subject.course === undefined ? 'at rest' : phaseWord(subject.course.stage);
  return `${stage}; next ${nextText(subject, now)}`;
}

/** @returns what a stage is about, when it begins */
export function stageText(subject: Subject, now: number): string {
  const { course, resource } = subject;
  const meaning = meaningNow(subject);
  if (course === undefined || meaning === undefined) {
    const last = resource.status?.history?.[0];
    const how = last === undefined ? '' : `, the last rotation has ended: ${last.outcome}`;
    return `at rest${how}; next ${nextText(subject, now)}`;
  }
  const back = course.way === 'RollBack' ? ', going back' : '';
  const next = course.stage === 'draining' ? `; next ${nextText(subject, now)}` : '';
  return `${phaseWord(course.stage)}${back}: ${meaning.does}${next}`;
}

/** @returns what is waited for while nothing changes */
export function stillText(subject: Subject, now: number): string {
  const { course, resource, since, hindrance } = subject;
  if (course === undefined) return whereText(subject, now);
  const after = formatDuration(now - (course.startedAt ?? since));
  const pods = lineText(targetSum(resource, course, Number.POSITIVE_INFINITY));
  return `${phaseWord(course.stage)}, still after ${after}: ${hindrance ?? `${pods}; next ${nextText(subject, now)}`}`;
}

/** As the status has it, so that it can be looked up. */
function phaseWord(stage: string): string {
  return `${stage.slice(0, 1).toUpperCase()}${stage.slice(1)}`;
}

function lineText(line: readonly { readonly text: string }[]): string {
  return line
    .map(({ text }) => text.trim())
    .filter((text) => text !== '')
    .join(', ');
}
