/** The end of a rotation or an emergency: what the keyset records, and what it forgets. */

import { defined } from '../../base/objects.ts';
import { type Attempts, compact, type Evidence, type Keyset, type Outcome } from './keyset.ts';
import type { Write } from './writes.ts';

/** What the end of a rotation rests on. */
type End = Pick<Extract<Write, { transition: 'finish' }>, 'acked' | 'inferred'>;

/** @returns the keyset at rest, with the evidence for the end */
export function finish(keyset: Keyset, { acked, inferred }: End, outcome: Outcome, now: number): Keyset {
  const evidence: Evidence = inferred === undefined ? 'Observed' : 'Inferred';
  const rotation = keyset.rotation && { ...keyset.rotation, finishedAt: now, outcome, ...defined({ inferred }) };
  const attempts =
    outcome === 'Completed'
      ? { ...measured(keyset.attempts), since: now, rotatedAt: now, evidence, failures: 0 }
      : { ...keyset.attempts, failures: keyset.attempts.failures + 1, failedAt: now };
  const kids = new Set(keyset.keys.map((key) => key.kid));
  return {
    ...keyset,
    phase: 'Steady',
    acked,
    history: compact(keyset.history, acked, kids),
    ...defined({ rotation }),
    attempts,
  };
}

function measured({ promotingMs }: Attempts): Pick<Attempts, 'promotingMs'> {
  return promotingMs === undefined ? {} : { promotingMs };
}

/** @returns the keyset after an emergency: as far as was observed, the burnt keys are refused everywhere from `now` on */
export function extinguish(keyset: Keyset, end: End, now: number): Keyset {
  const gone = { goneAt: now, ...defined({ inferred: end.inferred }) };
  const emergency = keyset.emergency && { ...keyset.emergency, ...gone };
  return { ...finish(keyset, end, 'Completed', now), ...defined({ emergency }) };
}
