/**
 * The Secret, checked against the clock.
 */
import type { SecretFacts } from '../facts.ts';
import { inTheFuture } from '../keyset/plausible.ts';

/** Tolerance for the clocks of other API servers and of an earlier operator. */
const MARGIN_MS = 60_000;

/**
 * @param latest the latest possible time now, milliseconds since the epoch
 * @returns the Secret, refused if it has times in the future
 */
export function checkedAgainstClock(secret: SecretFacts, latest: number, secretName: string): SecretFacts {
  if (secret.kind !== 'Managed') return secret;
  const future = inTheFuture(secret.keyset, latest + MARGIN_MS);
  if (future === undefined) return secret;
  const message = `Secret ${secretName}: its annotations say: ${future}. Somebody has edited them, or a clock was set back; rekey does nothing until you correct them, or that time has come`;
  return { kind: 'Refused', finding: { reason: 'StateUnreadable', message } };
}
