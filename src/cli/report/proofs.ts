/**
 * Which pod had loaded which keys when, one row for each pod and phase.
 */
import type { Report } from './model.ts';
import type { Phase } from './phases.ts';

/** What one pod showed in one phase. */
export interface Proof {
  readonly target: string;
  readonly pod: string;
  readonly phase: Phase;
  /** RFC 3339; absent if it was concluded from its start. */
  readonly at?: string;
}

/** @returns by target, then by phase, then by time; concluded ones last */
export function proofsOf({ phases }: Pick<Report, 'phases'>): readonly Proof[] {
  const rows = phases.flatMap((phase) =>
    phase.targets.flatMap(({ name: target, proved = {}, inferred = [] }) => [
      ...Object.entries(proved)
        .map(([pod, at]): Proof => ({ target, pod, phase, at }))
        .toSorted((a, b) => ((a.at ?? '') < (b.at ?? '') ? -1 : 1)),
      ...inferred.map((pod): Proof => ({ target, pod, phase })),
    ]),
  );
  return targetsOf({ phases }).flatMap((name) => rows.filter(({ target }) => target === name));
}

/** @returns the names of the targets that any phase knows, in the order of the spec */
export function targetsOf({ phases }: Pick<Report, 'phases'>): readonly string[] {
  return [...new Set(phases.flatMap(({ targets }) => targets.map(({ name }) => name)))];
}
