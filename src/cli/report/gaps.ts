/** What a report cannot show, and which parts of it were concluded and not observed. */
import type { Chained } from '../../rotation/audit/audit-log.ts';
import { MAX_STEPS } from '../../rotation/audit/diary.ts';
import type { Phase } from './phases.ts';

/** @returns the claims of the record without an answer of a pod, one sentence each */
export function notObserved({ inferred, targets, steps = [] }: Chained): readonly string[] {
  const levels = targets.filter(({ level }) => level !== 'Canary').map(({ kind, name }) => `${kind}/${name}`);
  const starts = steps.flatMap(({ phase, targets: seen }) =>
    seen.flatMap(({ name, inferred: pods = [] }) =>
      pods.length === 0
        ? []
        : [`${phase}, ${name}: that ${pods.join(', ')} had loaded the keys was concluded from the start.`],
    ),
  );
  return [
    ...(inferred === undefined ? [] : [`The end rests in part on conclusions: ${inferred}.`]),
    ...levels.map((name) => `${name}: what its pods held was concluded from the times at which they started.`),
    ...starts,
  ];
}

/** @returns what the record lacks, one sentence each */
export function notRecorded(
  { steps, startedAt, targets, outcome, emergency }: Chained,
  phases: readonly Phase[],
): readonly string[] {
  const first = phases[0];
  const more = phases.flatMap(({ phase, targets: seen }) =>
    seen.flatMap(({ name, more: count = 0 }) =>
      count === 0 ? [] : [`${phase}, ${name}: the names of ${count} more pods. A record names 100 pods at most.`],
    ),
  );
  return [
    ...(steps === undefined
      ? [
          'Phases and pods: an earlier version of rekey wrote this record, or the operator that wrote it started when all was over.',
        ]
      : []),
    ...(first !== undefined && Date.parse(first.at) > Date.parse(startedAt)
      ? [
          `What came before ${first.at}: the operator that wrote this record has not seen it, because it had not started, or the resource was deleted meanwhile.`,
        ]
      : []),
    ...(phases.length >= MAX_STEPS
      ? [`What came after phase ${phases.length}, if anything did: a record holds ${MAX_STEPS} phases at most.`]
      : []),
    ...(targets.length === 0
      ? ['The targets at the end: a newer rotation had begun when this record was written.']
      : []),
    ...(outcome === 'Interrupted' ? ['How the pods went on: an emergency cut this rotation off.'] : []),
    ...(emergency === undefined ? [] : ['What the leaked key was used for. rekey sees no tokens.']),
    ...more,
  ];
}
