/**
 * What is followed, as it is now: all that a view of it is made of.
 */
import type { JwtKeyRotation } from '../../rotation/api/names.ts';
import { windowState } from '../../rotation/cadence/cadence.ts';
import { isAtRest } from '../../rotation/people/preview.ts';
import { oneLine } from '../../rotation/people/text.ts';
import { settingsOf } from '../../rotation/settings/settings.ts';
import { specFindings } from '../../rotation/settings/spec-checks.ts';
import { hindranceOf } from '../hindrance.ts';
import { conditionOf } from '../status.ts';
import { type Asked, type Course, courseOf, ended } from './course.ts';

export interface Subject {
  readonly resource: JwtKeyRotation;
  readonly asked: Asked;
  /** When somebody asked or began to look, milliseconds since the epoch. */
  readonly since: number;
  /** Undefined at rest. */
  readonly course: Course | undefined;
  /** Reason and message, on one line; undefined if nothing is in the way. */
  readonly hindrance?: string;
  /** What the operator cannot report itself: that none is running, or that it does not answer. */
  readonly note?: string;
  /** When the maintenance window opens that it waits for, milliseconds since the epoch. */
  readonly opensAt?: number;
  readonly over?: { readonly at: number; readonly good: boolean };
}

/** @param now milliseconds since the epoch */
export function subjectOf(resource: JwtKeyRotation, asked: Asked, now: number, before?: Subject): Subject {
  const hindrance = hindranceOf(resource);
  const opensAt = windowOf(resource, now);
  const course = courseOf(resource, asked, before?.course);
  return {
    ...{ resource, asked, since: before?.since ?? now, course },
    // a window that will open is what comes next, and in nobody's way
    ...(hindrance !== undefined && opensAt === undefined && { hindrance: oneLine(hindrance) }),
    ...(before?.note !== undefined && { note: before.note }),
    ...(opensAt !== undefined && { opensAt }),
  };
}

/** @returns the same at its end: it keeps the course that it took */
export function endedSubject(subject: Subject, before: Subject | undefined, good: boolean, at: number): Subject {
  const course = isAtRest(subject.resource.status) ? before?.course : subject.course;
  const { hindrance: _, note: __, ...rest } = subject;
  return { ...rest, course: course && (good ? ended(course) : course), over: { at, good } };
}

/** Asked of the spec when the resource changes, not at each frame: a schedule is searched for it. */
function windowOf(resource: JwtKeyRotation, now: number): number | undefined {
  const waits = conditionOf(resource, 'Ready')?.reason === 'OutsideWindow';
  if (!waits || specFindings(resource.spec).length > 0) return undefined;
  return windowState(settingsOf(resource.spec).windows, now).opensAt;
}
