/**
 * What several probes of one service prove together. Behind one URL there may be several processes, and each probe
 * reaches one of them: one look proves nothing about the others, and what has proved an old process is not forgotten.
 */
import type { Loaded } from './step.ts';

/** So many probes in a row must give the same result. */
export const PROBES = 20;

const FICKLE =
  'it answers now with the newest version, now with an older one: a second process of it may run with old keys, or it takes keys from elsewhere too. Restart or stop every process of it';

/** What one probe shows. */
export interface Sight {
  readonly loaded: Loaded;
  /** Whether something that the newest version alone has was accepted. */
  readonly newest: boolean;
  /** Whether the service has answered in a way in which the newest version does not. */
  readonly older: boolean;
}

/** The probes of one service and one version since its last reported restart. */
export interface Evidence {
  readonly version: number;
  /** When the restart was reported, milliseconds since the epoch; undefined if none was. */
  readonly restartedAt: number | undefined;
  readonly last: Loaded;
  /** How often in a row. */
  readonly times: number;
  /** Whether the newest version was seen at any time. */
  readonly newest: boolean;
  /** Whether an older one was seen after it, or together with it, although the service had had its time to restart. */
  readonly fickle: boolean;
  /** Whether it has accepted a made-up key: once is enough. */
  readonly unfit: boolean;
}

/**
 * @param before undefined for the first probe; evidence of another version or restart is left out by the caller
 * @param settled whether the restart is reported and has had its time
 * @returns the evidence with one more probe
 */
export function noted(
  before: Evidence | undefined,
  { loaded, newest, older }: Sight,
  about: Pick<Evidence, 'version' | 'restartedAt'>,
  settled: boolean,
): Evidence {
  if (before?.unfit) return before;
  const isSame = before?.last.kind === loaded.kind;
  const seen = before?.newest === true || newest;
  return {
    ...about,
    last: loaded,
    times: isSame ? before.times + 1 : 1,
    newest: seen,
    fickle: before?.fickle === true || (settled && older && seen),
    unfit: loaded.kind === 'Unfit' && !older,
  };
}

/** @returns whether another probe at once may say more */
export function isOpen({ last, times, fickle, unfit }: Evidence): boolean {
  return !fickle && !unfit && needsMore(last) && times < PROBES;
}

/** @returns what all of it proves */
export function concluded(evidence: Evidence): Loaded {
  if (evidence.fickle) return { kind: 'Fickle', why: FICKLE };
  if (!isOpen(evidence)) return evidence.last;
  return { kind: 'Partly', why: `it has answered alike ${evidence.times} of ${PROBES} times so far` };
}

/** What ends a step, or a rotation, rests on no single probe. */
function needsMore(loaded: Loaded): boolean {
  return loaded.kind === 'Loaded' || loaded.kind === 'OneKey' || loaded.kind === 'Unfit';
}
