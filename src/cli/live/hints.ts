/**
 * The next question of a person who watches, answered before it is asked.
 */
import { rekeyCommand } from '../pasted.ts';
import type { Hint } from './layout.ts';
import type { Subject } from './subject.ts';

/** Stages in which a rotation can go back. */
const ABORTABLE = ['staging', 'staged', 'promoting', 'draining'];

/** @returns the first is for everybody */
export function hintsOf(subject: Subject): readonly Hint[] {
  const { course, hindrance, over, resource } = subject;
  if (over !== undefined) return [];
  const canGoBack = course?.way === 'Overlap' && ABORTABLE.includes(course.stage);
  return [
    leaving(subject),
    ...(hindrance === undefined ? [] : [{ text: 'All that is in the way', command: rekeyCommand('check', resource) }]),
    ...(course?.way === 'Emergency' && course.stage === 'burning'
      ? [{ text: 'Every token signed before is refused, so every user must sign in again' }]
      : []),
    ...(isRequested(subject) ? [{ text: 'To take it back', command: rekeyCommand('withdraw', resource) }] : []),
    ...(canGoBack ? [{ text: 'To go back, with no token refused', command: rekeyCommand('abort', resource) }] : []),
  ];
}

/** Nothing is written before a rotation has started. */
function isRequested({ course, asked }: Subject): boolean {
  return course !== undefined && course.startedAt === undefined && asked.kind === 'Rotation';
}

function leaving(subject: Subject): Hint {
  const { course, asked } = subject;
  if (course === undefined) return { text: 'Ctrl-C ends this view and changes nothing' };
  if (asked.kind === 'Look') return { text: 'Ctrl-C ends this view; the rotation goes on' };
  const what = course.way === 'Emergency' ? 'emergency' : 'rotation';
  const isWaiting = course.stage === 'requested' || isRequested(subject);
  const stays = isWaiting ? 'the request as it is' : `the ${what} running`;
  return { text: `Ctrl-C leaves ${stays}. To see it again`, command: rekeyCommand('status', subject.resource, '-w') };
}

/** @returns the same for several at once */
export function sharedHint(subjects: readonly Subject[]): Hint {
  const { namespace = '' } = subjects[0]?.resource.metadata ?? {};
  const command = rekeyCommand('status', { metadata: { namespace } });
  return { text: 'Ctrl-C leaves the rotations running. To see them again', command };
}
