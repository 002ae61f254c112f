/** The phases of a rotation, from its record. */
import { defined } from '../../base/objects.ts';
import type { AuditStep, Chained } from '../../rotation/audit/audit-log.ts';

/** One phase. Times are RFC 3339. */
export interface Phase extends AuditStep {
  /** From 1. */
  readonly number: number;
  readonly endedAt: string;
  readonly seconds: number;
  /** What held during the phase, for people. */
  readonly meaning: string;
  /** What a pod proved by its answers, if pods were asked. */
  readonly proof?: string;
}

const MEANING: Readonly<Record<string, readonly [meaning: string, proof?: string | undefined]>> = {
  Staging: [
    'The new key is in the Secret and does not sign. Verifiers restart until each accepts it.',
    'accepts the old key and the new key, refuses made-up ones',
  ],
  Promoting: [
    'The new key signs, the old key is still accepted. Signers restart until each has it.',
    'accepts the throw-away key that only this version of the Secret has',
  ],
  Draining: ['No pod can sign with the old key any more. rekey waits until its last tokens have expired.'],
  Retiring: [
    'The old key has left the Secret. Verifiers restart until each refuses it.',
    'accepts the new key, refuses the old key and made-up ones',
  ],
  Aborting: [
    'The new key has left the Secret again. It never signed.',
    'accepts the throw-away key that only this version of the Secret has',
  ],
  Switching: [
    'A cutover: the new key is alone. All older tokens are refused.',
    'accepts the new key alone, refuses the old key and made-up ones',
  ],
  Burning: [
    'An emergency: the new key is alone. Pods that may accept a burnt key are replaced.',
    'accepts the new key alone, refuses the burnt keys and made-up ones',
  ],
};

/** On the way back the two keys have swapped roles. */
const BACK: typeof MEANING = {
  Promoting: [
    'The rotation goes back: the old key signs again, the new key is still accepted. Signers restart until each has it.',
    MEANING.Promoting?.[1],
  ],
  Draining: ['No pod can sign with the new key any more. rekey waits until its last tokens have expired.'],
  Retiring: [
    'The new key has left the Secret. Verifiers restart until each refuses it.',
    'accepts the old key, refuses the new key and made-up ones',
  ],
};

/** @returns the phases in the record, oldest first; the last one ends with the rotation */
export function phasesOf({ steps = [], finishedAt }: Chained): readonly Phase[] {
  return steps.map((step, i) => {
    const endedAt = steps[i + 1]?.at ?? finishedAt;
    const seconds = Math.max(0, Math.round((Date.parse(endedAt) - Date.parse(step.at)) / 1000));
    const [meaning, proof] = (step.back ? BACK[step.phase] : undefined) ??
      MEANING[step.phase] ?? ['A phase that this version of rekey does not know.'];
    return {
      ...step,
      ...{ phase: step.back ? `${step.phase} (back)` : step.phase },
      ...{ number: i + 1, endedAt, seconds, meaning },
      ...defined({ proof }),
    };
  });
}
