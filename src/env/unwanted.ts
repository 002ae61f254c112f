/**
 * Keys that no write brings to more services: weak ones, and those that an emergency has burnt. An attacker who has one can
 * forge tokens for every service that accepts it.
 */
import { fingerprintOf, type KeyMaterial } from '../rotation/secret/keys.ts';
import { allKeys, type EnvironmentFiles, type KeyFile } from './environment.ts';
import { readStates } from './state-keys.ts';

export interface UnwantedKey {
  readonly fingerprint: string;
  /** The first file with the key, relative to the folder of the configuration. */
  readonly shown: string;
  /** Whether it signs in the file of the source of truth. */
  readonly signs: boolean;
  /** Such as `is publicly known`. */
  readonly what: string;
}

const WHAT = { PubliclyKnown: 'is publicly known', Guessable: 'is one that can be guessed' } as const;

/** @returns the weak keys, signing or accepted, that only some of the files have */
export async function spreadingWeakKeys(environment: EnvironmentFiles): Promise<readonly UnwantedKey[]> {
  // the estimator is large, and loaded only here
  const { weaknessOf } = await import('../rotation/secret/strength.ts');
  const { files } = environment;
  return allKeys(environment).flatMap((key) => {
    const weakness = weaknessOf(key);
    if (weakness === undefined || files.every((file) => holds(file, key))) return [];
    return [unwanted(environment, key, WHAT[weakness])];
  });
}

/**
 * A key whose bytes were in no file at the burn is known by its fingerprint only. A state that cannot be read has no burnt
 * keys here: `env status` and `env check` name it.
 *
 * @returns the keys in the files that some environment has burnt, even if every file has them
 */
export async function burntKeysIn(environment: EnvironmentFiles): Promise<readonly UnwantedKey[]> {
  const states = await readStates(environment.config.root);
  return allKeys(environment).flatMap((key) => {
    const fingerprint = fingerprintOf(key);
    const by = states
      .filter(({ keys }) => keys.some((known) => known.isBurnt && known.fingerprint === fingerprint))
      .map((state) => state.environment);
    if (by.length === 0) return [];
    const where = `burnt in ${by.join(' and ')}`;
    const what = fingerprint.startsWith('weak-')
      ? `has the short fingerprint of one that was ${where}, and may be another`
      : `was ${where}`;
    return [unwanted(environment, key, what)];
  });
}

function unwanted({ files }: EnvironmentFiles, key: KeyMaterial, what: string): UnwantedKey {
  const shown = files.find((file) => holds(file, key))?.shown ?? '';
  return { what, fingerprint: fingerprintOf(key), shown, signs: files[0]?.signing.equals(key) === true };
}

function holds({ signing, fallbacks }: KeyFile, key: KeyMaterial): boolean {
  return [signing, ...fallbacks].some((each) => each.equals(key));
}

/** @returns the way out that is always open */
export function emergencyWay(environment: string): string {
  return `To replace all keys at once: rekey env emergency ${environment} --reason TEXT`;
}

/** @returns such as `a/.env has a key that is publicly known (weak-1234)`, joined */
export function unwantedText(keys: readonly UnwantedKey[]): string {
  return keys.map(({ shown, what, fingerprint }) => `${shown} has a key that ${what} (${fingerprint})`).join('; ');
}
