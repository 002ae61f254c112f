/**
 * Fingerprints by which the Secrets of two resources are compared.
 */
import type { SecretFacts } from '../facts.ts';

/** @returns the fingerprints of keys that they identify. For a short key they show too little */
export function realFingerprints(secret: SecretFacts): readonly string[] {
  if (secret.kind !== 'Managed') return [];
  const real = secret.keyset.keys.filter(
    ({ state, fingerprint }) => state !== 'ack' && !fingerprint.startsWith('weak-'),
  );
  return real.map(({ fingerprint }) => fingerprint);
}

/** @returns the fingerprints of the burnt keys that the Secret records */
export function burntFingerprints(secret: SecretFacts): readonly string[] {
  return secret.kind === 'Managed' ? secret.keyset.burnt.map(({ fingerprint }) => fingerprint) : [];
}
