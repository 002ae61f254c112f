/**
 * Whether an emergency was served. The Secret decides. Other claims may be invented:
 *
 * - The ledger counts if the Secret is gone, cannot be read, or holds a key that was burnt or retired, as every backup
 *   from before that emergency does. Otherwise the return of the Secret would end all sessions again. The ledger must
 *   know a burnt key, too: every emergency leaves one.
 * - The status counts together with the ledger, and for a Secret that a person wants rekey to adopt again. Alone it
 *   proves nothing.
 *
 * At worst rekey serves an emergency twice. After that the Secret knows it.
 */

import type { Facts, SecretFacts } from '../facts.ts';
import type { Keyset } from '../keyset/keyset.ts';
import { burntIn, type Ledger } from '../keyset/ledger.ts';
import type { EmergencyRequest } from '../wishes.ts';

/** @returns whether the emergency was served, by the claims that are believed */
export function isServed(emergency: EmergencyRequest, { secret, ledger }: Facts): boolean {
  const { nonce, handled } = emergency;
  const keyset = keysetOf(secret);
  if (keyset?.handled.emergencies?.includes(nonce) === true) return true;
  const recorded = ledger.emergencies.includes(nonce) && (burntIn(ledger).length > 0 || handled);
  if (keyset !== undefined) return recorded && isFromBefore(keyset, ledger);
  return recorded || (handled && secret.kind === 'Unmanaged');
}

/** @returns which sources claim, without being believed, that the requested emergency was served; empty if none does */
export function contradiction(facts: Facts): string {
  const { requests, ledger, settings } = facts;
  const { emergency } = requests;
  if (emergency === undefined || isServed(emergency, facts)) return '';
  const { nonce, handled } = emergency;
  const claims = [...(ledger.emergencies.includes(nonce) ? ['the ledger'] : []), ...(handled ? ['the status'] : [])];
  if (claims.length === 0) return '';
  return `${claims.join(' and ')} says that emergency ${nonce} was served, but Secret ${settings.secretName} does not confirm it, so rekey serves it now; find out who wrote that`;
}

function keysetOf(secret: SecretFacts): Keyset | undefined {
  return secret.kind === 'Managed' || secret.kind === 'Refused' ? secret.keyset : undefined;
}

/** Judged by its keys: anybody may have put a higher version into the ledger. */
function isFromBefore({ keys }: Keyset, ledger: Ledger): boolean {
  const gone = new Set(ledger.keys.filter(({ state }) => state !== 'live').map(({ fingerprint }) => fingerprint));
  return keys.some(({ fingerprint }) => gone.has(fingerprint));
}
