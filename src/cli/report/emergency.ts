/** What the report of an emergency says first: what leaked, when it died, and what that cost. Nothing but the record is known. */
import { formatDuration } from '../../rotation/schedule/duration.ts';
import type { Report } from './model.ts';
import { atText, counted } from './words.ts';

/** Sentences for people. */
export interface EmergencyWords {
  /** One line, such as `the burnt keys are refused everywhere`. */
  readonly verdict: string;
  /** Whether the record says that the burnt keys are gone. */
  readonly over: boolean;
  readonly leaked: readonly string[];
  readonly died: readonly string[];
  readonly lost: readonly string[];
}

/** @returns undefined for a rotation */
export function emergencyWords(report: Report): EmergencyWords | undefined {
  const { rotation, keys } = report;
  if (rotation.trigger !== 'Emergency') return undefined;
  const { emergency, outcome, inferred, reason } = rotation;
  const over = emergency !== undefined && outcome === 'Completed';
  const burnt = keys.filter(({ part }) => part !== 'new');
  return {
    over,
    verdict: over
      ? inferred === undefined
        ? 'every pod refuses the burnt keys'
        : 'the burnt keys are gone; in part that is a conclusion'
      : 'the record does not say that the burnt keys are gone',
    leaked: [
      reason === '' ? 'No reason is recorded.' : `Reason given: ${reason}`,
      `Burnt for good: ${emergency === undefined ? 'at least ' : ''}${counted(burnt.length, 'key')} (${burnt.map(({ kid }) => kid).join(', ')}). rekey burns every key that stood in the Secret, since who saw one may have seen all.`,
      'Whoever had one of them could make tokens that services took for good. Whether somebody did is not known: rekey sees no tokens.',
    ],
    died: diedWords(report, over),
    lost: [
      'Every token that a burnt key has signed, the good ones too: people sign in again, and services get new tokens. That is what an emergency is for.',
      'How many tokens that were is not recorded.',
      'Pods were replaced without waiting for budgets or windows. Whether requests failed meanwhile is not recorded.',
    ],
  };
}

function diedWords({ rotation, seconds }: Report, over: boolean): readonly string[] {
  const { startedAt, finishedAt, emergency, inferred, outcome, failure } = rotation;
  const written = `The new key was written at ${atText(startedAt)}, alone.`;
  if (!over) {
    const why = failure === undefined ? '' : ` ${failure}.`;
    return [written, `It ended as ${outcome} at ${atText(finishedAt)}, after ${formatDuration(seconds * 1000)}.${why}`];
  }
  return [
    written,
    `By ${atText(finishedAt)}, within ${emergency?.seconds} s, no pod of a target was left that accepts a burnt key.`,
    inferred === undefined
      ? 'Each pod was asked with each burnt key, and refused it.'
      : `In part that is concluded: ${inferred}.`,
  ];
}
