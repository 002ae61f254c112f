/**
 * `history`: the last rotations, as far as the status keeps them.
 */
import type { JwtKeyRotation } from '../rotation/api/names.ts';
import type { JwtKeyRotationStatus } from '../rotation/api/types.ts';
import { formatDuration } from '../rotation/schedule/duration.ts';
import { columns, when } from './output.ts';

export type HistoryEntry = NonNullable<JwtKeyRotationStatus['history']>[number];

/** @returns a line for each rotation that the status keeps, newest first */
export function historyText({ status }: JwtKeyRotation, now: number): string {
  const rows = (status?.history ?? []).map((entry) => {
    const { from = '–', to = '–', trigger, actor = '–', outcome, reason = '', failure = '', inferred } = entry;
    const told = failure === '' ? reason : failure;
    const why = inferred === undefined ? told : `${told} (inferred in part: ${inferred})`;
    return [when(entry.startedAt, now), lastedText(entry), outcome, `${from} → ${to}`, trigger, actor, why];
  });
  return columns([['STARTED', 'LASTED', 'OUTCOME', 'KEYS', 'TRIGGER', 'ACTOR', 'WHY'], ...rows]);
}

/** @returns milliseconds; undefined if it is not known */
export function lastedMs({ startedAt, finishedAt }: HistoryEntry): number | undefined {
  const ms = Date.parse(finishedAt ?? '') - Date.parse(startedAt ?? '');
  return Number.isNaN(ms) ? undefined : ms;
}

function lastedText(entry: HistoryEntry): string {
  const ms = lastedMs(entry);
  return ms === undefined ? '–' : formatDuration(ms);
}
