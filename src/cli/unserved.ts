/**
 * An emergency that was requested and that no operator has reported as served: the leaked key must be taken for alive.
 */
import type { JwtKeyRotation } from '../rotation/api/names.ts';
import { emergencyOf } from '../rotation/requests/requests.ts';
import type { EmergencyRequest } from '../rotation/wishes.ts';

export const NOT_SERVED =
  'NOT SERVED: the operator has not reported that a key is burnt for it: take the leaked key for alive';
export const BY_HAND =
  'if no operator runs, and you cannot start one, burn the key by hand: docs/emergency.md#without-rekey';

/** @returns the request; undefined if there is none, or the status shows that it was served */
export function unservedEmergency(resource: JwtKeyRotation): EmergencyRequest | undefined {
  const asked = emergencyOf(resource);
  const isServed = asked?.handled === true || resource.status?.emergency?.nonce === asked?.nonce;
  return isServed ? undefined : asked;
}

/** @returns when it was requested, ISO 8601, as far as its nonce says it: those of `kubectl rekey` do */
export function requestedAtOf({ nonce }: Pick<EmergencyRequest, 'nonce'>): string | undefined {
  const [, date, hours, minutes, seconds] = /^(\d{8})T(\d\d)(\d\d)(\d\d)Z-[0-9a-f]{6}$/.exec(nonce) ?? [];
  if (date === undefined) return undefined;
  return `${date.replace(/(\d{4})(\d\d)(\d\d)/, '$1-$2-$3')}T${hours}:${minutes}:${seconds}Z`;
}

/** @returns what to say of it where it keeps a wait from its end; undefined if it was served */
export function unservedText(resource: JwtKeyRotation): string | undefined {
  return unservedEmergency(resource) === undefined ? undefined : `${NOT_SERVED}; ${BY_HAND}`;
}
