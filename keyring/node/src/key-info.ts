import type { Algorithm, Keyring } from './keyring.ts';

/** What can be shown of a key: never a byte of it. */
export interface KeyInfo {
  readonly role: 'current' | 'fallback';
  /** Empty where it is not known: rekey writes the id of the signing key only. */
  readonly kid: string;
  readonly fingerprint: string;
  readonly algorithm: Algorithm;
}

/** @returns each key that is loaded, the one that signs first */
export function keyInfo({ algorithm, keys }: Keyring): readonly KeyInfo[] {
  return keys.map(({ kid = '', fingerprint }, i) => ({
    role: i === 0 ? 'current' : 'fallback',
    kid,
    fingerprint,
    algorithm,
  }));
}

/** @returns the metric `jwt_key_info` in the Prometheus text format: 1 for each key that is loaded */
export function keyInfoMetric(keyring: Keyring): string {
  const lines = keyInfo(keyring).map(
    ({ role, kid, fingerprint, algorithm }) =>
      `jwt_key_info{role="${role}",kid="${kid}",fingerprint="${fingerprint}",algorithm="${algorithm}"} 1\n`,
  );
  return `# HELP jwt_key_info JWT keys that this process has loaded.\n# TYPE jwt_key_info gauge\n${lines.join('')}`;
}
