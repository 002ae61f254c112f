/** Weak keys that a write would bring to more services. An attacker who guesses one can forge tokens for all of them. */

import { fingerprintOf, type KeyMaterial } from '../rotation/secret/keys.ts';
import { allKeys, type EnvironmentFiles, type KeyFile } from './environment.ts';

export interface WeakKey {
  readonly fingerprint: string;
  /** The first file with the key, relative to the folder of the configuration. */
  readonly shown: string;
  /** Whether it signs in the file of the source of truth. */
  readonly signs: boolean;
  /** Such as `publicly known`. */
  readonly what: string;
}

const WHAT = { PubliclyKnown: 'publicly known', Guessable: 'one that can be guessed' } as const;

/** @returns the weak keys, signing or accepted, that only some of the files have */
export async function spreadingWeakKeys(environment: EnvironmentFiles): Promise<readonly WeakKey[]> {
  // the estimator is large, and loaded only here
  const { weaknessOf } = await import('../rotation/secret/strength.ts');
  const { files } = environment;
  return allKeys(environment).flatMap((key) => {
    const having = files.filter((file) => holds(file, key));
    const [first] = having;
    const weakness = weaknessOf(key);
    if (weakness === undefined || first === undefined || having.length === files.length) return [];
    const signs = files[0]?.signing.equals(key) === true;
    return [{ fingerprint: fingerprintOf(key), shown: first.shown, signs, what: WHAT[weakness] }];
  });
}

function holds({ signing, fallbacks }: KeyFile, key: KeyMaterial): boolean {
  return [signing, ...fallbacks].some((each) => each.equals(key));
}

/** @returns such as `a/.env has a key that is publicly known (weak-1234)`, joined */
export function weakText(keys: readonly WeakKey[]): string {
  return keys.map(({ shown, what, fingerprint }) => `${shown} has a key that is ${what} (${fingerprint})`).join('; ');
}
