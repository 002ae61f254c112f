/**
 * The Secret, checked against the clock.
 */
import type { SecretFacts } from '../facts.ts';
import { inTheFuture } from '../keyset/plausible.ts';

/** Clocks of API servers and of an operator before this one. */
const MARGIN_MS = 60_000;

/**
 * @param latest what time it may be at the latest, milliseconds since the epoch
 * @returns the Secret as it is to be taken: not at its word, if it tells of times to come
 */
export function checkedAgainstClock(secret: SecretFacts, latest: number, secretName: string): SecretFacts {
  if (secret.kind !== 'Managed') return secret;
  const future = inTheFuture(secret.keyset, latest + MARGIN_MS);
  if (future === undefined) return secret;
  const message = `Secret ${secretName}: its annotations say: ${future}. Somebody has edited them, or a clock was set back; rekey does nothing until you correct them, or that time has come`;
  return { kind: 'Refused', finding: { reason: 'StateUnreadable', message } };
}
