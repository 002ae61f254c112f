/**
 * Fingerprints by which the Secrets of two resources are compared.
 */
import type { SecretFacts } from '../facts.ts';

/** @returns those of the keys that can be told apart: of a short key too little is shown */
export function realFingerprints(secret: SecretFacts): readonly string[] {
  if (secret.kind !== 'Managed') return [];
  const real = secret.keyset.keys.filter(
    ({ state, fingerprint }) => state !== 'ack' && !fingerprint.startsWith('weak-'),
  );
  return real.map(({ fingerprint }) => fingerprint);
}

/** @returns those of the burnt keys that the Secret knows of */
export function burntFingerprints(secret: SecretFacts): readonly string[] {
  return secret.kind === 'Managed' ? secret.keyset.burnt.map(({ fingerprint }) => fingerprint) : [];
}
