/**
 * Whether an emergency was served. The Secret tells; what else says so may be somebody's invention:
 *
 * - The ledger counts where the Secret does not contradict it: where it is gone, cannot be read, or holds a key that was burnt or
 *   retired, as every backup from before that emergency does. Else its return would end all sessions again. It must know of a burnt key too:
 *   no emergency leaves none.
 * - The status counts beside the ledger, and for a Secret that a person wants to be adopted anew. Alone it proves nothing.
 *
 * At worst an emergency is served once more: then the Secret knows of it.
 */

import type { EmergencyRequest, Facts, SecretFacts } from '../facts.ts';
import type { Keyset } from '../keyset/keyset.ts';
import { burntIn, type Ledger } from '../keyset/ledger.ts';

/** @returns whether the emergency was served, as far as those are believed who say so */
export function isServed(emergency: EmergencyRequest, { secret, ledger }: Facts): boolean {
  const { nonce, handled } = emergency;
  const keyset = keysetOf(secret);
  if (keyset?.handled.emergencies?.includes(nonce) === true) return true;
  const recorded = ledger.emergencies.includes(nonce) && (burntIn(ledger).length > 0 || handled);
  if (keyset !== undefined) return recorded && isFromBefore(keyset, ledger);
  return recorded || (handled && secret.kind === 'Unmanaged');
}

/** @returns what says of the emergency that is asked for that it was served, without being believed; empty if nothing does */
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

/** By its keys: a higher version in the ledger is a number that anybody may have put there. */
function isFromBefore({ keys }: Keyset, ledger: Ledger): boolean {
  const gone = new Set(ledger.keys.filter(({ state }) => state !== 'live').map(({ fingerprint }) => fingerprint));
  return keys.some(({ fingerprint }) => gone.has(fingerprint));
}
