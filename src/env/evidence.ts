/**
 * What several probes of one service prove together. Behind one URL there may be several processes, and each probe
 * reaches one of them: one look proves nothing about the others, and what has proved an old process is not forgotten.
 */
import type { Loaded } from './step.ts';

/** So many probes in a row must give the same result. */
export const PROBES = 20;

const FICKLE =
  'it answers now with the newest version, now with an older one: a second process of it may run with old keys, or it takes keys from elsewhere too. Restart or stop every process of it';

const PATIENCE =
  'A command with --watch asks on until it has answered as often, and waits as long as the service asks; another command begins to count anew';

/** What one probe shows. */
export interface Sight {
  readonly loaded: Loaded;
  /** Whether something that the newest version alone has was accepted. */
  readonly newest: boolean;
  /** Whether one of its answers is not one of the newest version, whatever else is unknown. */
  readonly older: boolean;
}

/** The probes of one service and one version since its last reported restart. */
export interface Evidence {
  readonly version: number;
  /** When the restart was reported, milliseconds since the epoch; undefined if none was. */
  readonly restartedAt: number | undefined;
  /** What the last probe showed that was answered; unknown if none was. */
  readonly last: Loaded;
  /** How often in a row. A probe without an answer neither counts nor ends the row: it proves nothing. */
  readonly times: number;
  /** Why the last probe was not answered; undefined if it was. */
  readonly silence: string | undefined;
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
  const isSilent = loaded.kind === 'Unknown';
  const isSame = before?.last.kind === loaded.kind;
  const seen = before?.newest === true || newest;
  return {
    ...about,
    ...(isSilent ? kept(before, loaded, older) : { last: loaded, times: isSame ? before.times + 1 : 1 }),
    silence: isSilent ? loaded.why : undefined,
    newest: seen,
    fickle: before?.fickle === true || (settled && older && seen),
    unfit: loaded.kind === 'Unfit' && !older,
  };
}

/** The row so far; half an answer that the newest version does not give ends it. */
function kept(before: Evidence | undefined, loaded: Loaded, older: boolean): Pick<Evidence, 'last' | 'times'> {
  return { last: before?.last ?? loaded, times: older ? 0 : (before?.times ?? 0) };
}

/** @returns whether another probe at once may say more */
export function isOpen(evidence: Evidence): boolean {
  return evidence.silence === undefined && isUndecided(evidence) && evidence.times < PROBES;
}

/** @returns what all of it proves; a service that does not answer now is never called loaded */
export function concluded(evidence: Evidence): Loaded {
  const { last, silence } = evidence;
  if (evidence.fickle) return { kind: 'Fickle', why: FICKLE };
  if (silence !== undefined && !isUndecided(evidence)) return { kind: 'Unknown', why: silence };
  if (silence === undefined && !isOpen(evidence)) return last;
  const row = `it has answered alike ${Math.min(evidence.times, PROBES)} of ${PROBES} times so far`;
  if (silence === undefined) return { kind: 'Partly', why: row };
  return { kind: 'Partly', why: `${row}, and not now: ${silence}. ${PATIENCE}` };
}

function isUndecided({ last, fickle, unfit }: Evidence): boolean {
  return !fickle && !unfit && needsMore(last);
}

/** What ends a step, or a rotation, rests on no single probe. */
function needsMore(loaded: Loaded): boolean {
  return loaded.kind === 'Loaded' || loaded.kind === 'OneKey' || loaded.kind === 'Unfit';
}
