/**
 * What the doctor works with: what is known of a resource, and what a check says.
 */
import type { JwtKeyRotation } from '../../rotation/api/names.ts';
import type { JwtKeyRotationStatus } from '../../rotation/api/types.ts';
import type { Examination, Seen } from '../../rotation/people/examination.ts';
import type { Leadership } from '../../rotation/people/leadership.ts';
import type { Obstacle } from '../plan.ts';
import type { TokenReport } from './tokens.ts';

/** NotChecked: nobody asked for it, or it cannot be found out from here. */
export type Verdict = 'Ok' | 'Problem' | 'Unknown' | 'NotChecked';

/** One question of a person, and its answer. */
export interface Check {
  readonly id: string;
  readonly question: string;
  readonly verdict: Verdict;
  /** What the verdict rests on. */
  readonly evidence: string;
  /** What to do next; absent where nothing is to be done. */
  readonly remedy?: string;
}

export interface DoctorFacts {
  readonly resource: JwtKeyRotation;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly leadership: Leadership;
  /** What is in the way of a rotation, by the operator and by what the person may see. */
  readonly obstacles: readonly Obstacle[];
  /** Why workloads and pods were not looked at, a sentence; undefined if they were. */
  readonly blind?: string;
  readonly warnings: readonly string[];
  readonly examination: Examination;
  /** The clock of the API server less ours, milliseconds. */
  readonly clockOffsetMs: number;
  readonly tokens?: TokenReport;
  /** The answers of pods, if the operator has been asked now. */
  readonly canaries?: NonNullable<JwtKeyRotationStatus['canaryCheck']>;
}

/** A question without its answer. */
export type Asked = Pick<Check, 'id' | 'question'>;

/** @returns an answer; the remedy is left out where there is none */
export function answer(asked: Asked, verdict: Verdict, evidence: string, remedy?: string): Check {
  return { ...asked, verdict, evidence, ...(remedy !== undefined && { remedy }) };
}

/** @returns why it is not known, or undefined */
export function whyNot<T>(seen: Seen<T>): string | undefined {
  return 'why' in seen ? seen.why : undefined;
}
