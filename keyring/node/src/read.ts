import {
  type Algorithm,
  type Key,
  type Keyring,
  KeyringError,
  type KeyringSource,
  type KeyringVariables,
  keyOf,
  type ReadOptions,
} from './keyring.ts';
import { isGuessable, isPublic, MIN_KEY_BYTES } from './weak.ts';

/** What is read, from the environment or from files of these names. */
export const VARIABLES = ['JWT_SECRET_KEY', 'JWT_SECRET_KEY_FALLBACKS', 'JWT_KEY_ID', 'JWT_ALGORITHM'] as const;

const ALGORITHMS: readonly string[] = ['HS256', 'HS384', 'HS512'] satisfies Algorithm[];
/** What may be a key id in rekey. */
const KEY_ID = /^[A-Za-z0-9._~:/@+=-]{1,128}$/;
/** Shorter, it may be in a key by chance. */
const MIN_TELLING = 8;
/** Each token with a bad signature is tried with each key. */
const MAX_KEYS = 64;
/** White space of any alphabet, control characters, byte order marks, and what stands for bytes that are not UTF-8. */
const UNFIT = /[\s\p{Z}\p{Cc}\u200b\u2060\ufeff\ufffd]/u;
const REMEDY = 'make one with "openssl rand -hex 32"';

/**
 * Reads the variables once: what a process has in its environment changes only with a restart.
 *
 * @param variables default `process.env`
 * @throws KeyringError where they cannot be used
 */
export function envKeyring(options: ReadOptions = {}, variables: KeyringVariables = process.env): KeyringSource {
  const keyring = readKeyring(variables, options);
  return () => keyring;
}

/**
 * Reads a keyring: `JWT_SECRET_KEY` signs; it and each entry of `JWT_SECRET_KEY_FALLBACKS`, separated by commas, verify. The key
 * is the text itself: nothing is trimmed or decoded. An empty variable is as good as an absent one.
 *
 * @throws KeyringError where they cannot be used
 */
export function readKeyring(variables: KeyringVariables, options: ReadOptions = {}): Keyring {
  const algorithm = options.algorithm ?? (variables.JWT_ALGORITHM || 'HS256');
  if (!isAlgorithm(algorithm)) {
    throw new KeyringError(
      options.algorithm === undefined ? 'JWT_ALGORITHM' : 'algorithm',
      'is not HS256, HS384 or HS512',
    );
  }
  const entries = (variables.JWT_SECRET_KEY_FALLBACKS ?? '').split(',').filter((text) => text !== '');
  if (entries.length >= MAX_KEYS) {
    throw new KeyringError(
      'JWT_SECRET_KEY_FALLBACKS',
      `has ${entries.length} keys: at most ${MAX_KEYS - 1} can be tried`,
    );
  }
  const signing = variables.JWT_SECRET_KEY ?? '';
  check(signing, 'JWT_SECRET_KEY', 'JWT_SECRET_KEY', options);
  for (const [i, text] of entries.entries()) {
    check(text, 'JWT_SECRET_KEY_FALLBACKS', `entry ${i + 1} of JWT_SECRET_KEY_FALLBACKS`, options);
  }
  const kid = keyId(variables.JWT_KEY_ID, [signing, ...entries]);
  const others = new Set(entries);
  others.delete(signing);
  return { algorithm, keys: [keyOf(signing, kid), ...[...others].map((text): Key => keyOf(text))] };
}

function isAlgorithm(text: string): text is Algorithm {
  return ALGORITHMS.includes(text);
}

/** Everybody can see an id, so it must have nothing of a key. */
function keyId(kid: string | undefined, keys: readonly string[]): string | undefined {
  if (!kid) return undefined;
  if (!KEY_ID.test(kid)) {
    throw new KeyringError('JWT_KEY_ID', 'is not a key id: write at most 128 letters, digits and . _ ~ : / @ + = -');
  }
  const tells = keys.some((key) => kid.includes(key) || (kid.length >= MIN_TELLING && key.includes(kid)));
  if (tells) throw new KeyringError('JWT_KEY_ID', 'contains part of a key, and everybody can see an id');
  return kid;
}

function check(text: string, variable: string, where: string, { allowWeakKeys = false }: ReadOptions): void {
  const refuse = (problem: string) => new KeyringError(variable, problem, where);
  if (text === '') throw refuse(`is missing: set it to a key of at least ${MIN_KEY_BYTES} bytes; ${REMEDY}`);
  if (UNFIT.test(text))
    throw refuse('has white space, a control character or bytes that are not UTF-8: write the key alone');
  if (/^\[.*\]$/.test(text))
    throw refuse('is a list in brackets: write keys with a comma between them and nothing else');
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length < MIN_KEY_BYTES) {
    throw refuse(`has ${bytes.length} bytes: HS256 needs at least ${MIN_KEY_BYTES} (RFC 7518 section 3.2); ${REMEDY}`);
  }
  if (allowWeakKeys) return;
  if (isPublic(text)) throw refuse(`is publicly known or stands for a key that was never set: ${REMEDY}`);
  if (isGuessable(bytes)) throw refuse(`can be guessed, it has few different characters or repeats itself: ${REMEDY}`);
}
