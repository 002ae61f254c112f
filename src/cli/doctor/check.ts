/** The data of the doctor: facts about a resource, and the result of a check. */
import { defined } from '../../base/objects.ts';
import type { JwtKeyRotation } from '../../rotation/api/names.ts';
import type { JwtKeyRotationStatus } from '../../rotation/api/types.ts';
import type { Examination, Seen } from '../../rotation/people/examination.ts';
import type { Leadership } from '../../rotation/people/leadership.ts';
import type { Obstacle } from '../plan.ts';
import type { TokenReport } from './tokens.ts';

/** NotChecked: it was not requested, or cannot be found out from here. */
export type Verdict = 'Ok' | 'Problem' | 'Unknown' | 'NotChecked';

/** One question of a person, and its answer. */
export interface Check {
  readonly id: string;
  readonly question: string;
  readonly verdict: Verdict;
  /** The evidence for the verdict. */
  readonly evidence: string;
  /** What to do next; absent if there is nothing to do. */
  readonly remedy?: string;
}

export interface DoctorFacts {
  readonly resource: JwtKeyRotation;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly leadership: Leadership;
  /** What blocks a rotation, by the operator and by what the person may see. */
  readonly obstacles: readonly Obstacle[];
  /** Why workloads and pods were not read, a sentence; undefined if they were. */
  readonly blind?: string;
  readonly warnings: readonly string[];
  /** When the newest pod of each target started, milliseconds since the epoch; undefined if the person may not look. */
  readonly podStarts?: ReadonlyMap<string, number>;
  readonly examination: Examination;
  /** The clock of the API server minus ours, milliseconds. */
  readonly clockOffsetMs: number;
  readonly tokens?: TokenReport;
  /** The answers of pods, if the operator has been asked now. */
  readonly canaries?: NonNullable<JwtKeyRotationStatus['canaryCheck']>;
}

/** A question without its answer. */
export type Asked = Pick<Check, 'id' | 'question'>;

/** @returns an answer, without a remedy if there is none */
export function answer(asked: Asked, verdict: Verdict, evidence: string, remedy?: string): Check {
  return { ...asked, verdict, evidence, ...defined({ remedy }) };
}

/** @returns why it is unknown, or undefined */
export function whyNot<T>(seen: Seen<T>): string | undefined {
  return 'why' in seen ? seen.why : undefined;
}

/** How long an operator that runs may be silent, milliseconds: it writes the status at least once an hour. */
const SILENT_MS = 3_600_000;

/** @returns milliseconds since the operator's last report, by the clock of the API server; undefined if there is none */
export function reportAgeMs({ resource, now, clockOffsetMs }: DoctorFacts): number | undefined {
  const at = Date.parse(resource.status?.operator?.lastLookTime ?? '');
  return Number.isNaN(at) ? undefined : Math.abs(now + clockOffsetMs - at);
}

/** @returns whether an operator that runs would have reported since */
export function isOldReport(facts: DoctorFacts): boolean {
  return (reportAgeMs(facts) ?? 0) > SILENT_MS;
}
