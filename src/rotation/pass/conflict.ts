/**
 * Two resources on one Secret would undo each other's work, so only the older one gets it, even in an emergency. A
 * resource knows only its own targets: if the younger one burnt a key, pods of the older one would still accept it.
 */

import type { Finding } from '../api/finding.ts';
import type { JwtKeyRotation } from '../api/names.ts';
import type { SecretFacts } from '../facts.ts';
import { emergencyOf } from '../requests/requests.ts';

/**
 * @param resource the younger one
 * @param secret as last read for the older one
 */
export function conflictWith(
  resource: JwtKeyRotation,
  { metadata: { name: older } }: JwtKeyRotation,
  secret: SecretFacts | undefined,
): Finding {
  const { namespace = '', name } = resource.metadata;
  const { secretName } = resource.spec;
  const message = `spec.secretName: Secret ${secretName} is already rotated by JwtKeyRotation ${older}; name another Secret or delete one of the two`;
  const emergency = emergencyOf(resource);
  if (emergency === undefined || isKnown(emergency.nonce, secret)) return { reason: 'SecretConflict', message };
  const command = `kubectl rekey emergency ${older} -n ${namespace} --reason '...'`;
  const targets = `this replaces its targets; restart by hand those of ${name} that it does not name`;
  return {
    reason: 'SecretConflict',
    message: `EMERGENCY NOT SERVED: no key was burnt, because Secret ${secretName} belongs to JwtKeyRotation ${older}. Run ${command} (${targets}). ${message}`,
  };
}

function isKnown(nonce: string, secret: SecretFacts | undefined): boolean {
  const keyset = secret?.kind === 'Managed' || secret?.kind === 'Refused' ? secret.keyset : undefined;
  return keyset?.handled.emergencies?.includes(nonce) === true;
}
