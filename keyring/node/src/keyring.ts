import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { isGuessable } from './weak.ts';

/** The algorithm of every token of a keyring: the header of a token never chooses it. */
export type Algorithm = 'HS256' | 'HS384' | 'HS512';

/** One key. It can be printed: a `KeyObject` shows no byte. */
export interface Key {
  /** Only of the key that signs, and only where `JWT_KEY_ID` is set. */
  readonly kid: string | undefined;
  /** Tells keys apart: 16 hexadecimal digits, the same that rekey shows. Of a weak key `weak-` and four digits. */
  readonly fingerprint: string;
  readonly secret: KeyObject;
}

/** The keys of one service at one time; never changed. */
export interface Keyring {
  readonly algorithm: Algorithm;
  /** The first signs. All verify. */
  readonly keys: readonly [Key, ...Key[]];
}

/** Returns the newest keyring that could be read. Ask it for each token: keep the function, not the keyring. */
export type KeyringSource = () => Keyring;

/** Variables by name, such as `process.env`. */
export type KeyringVariables = Readonly<Record<string, string | undefined>>;

export interface ReadOptions {
  /**
   * Accepts keys that can be guessed or are publicly known, if they are long enough. Set it until rekey has rotated such a
   * key away, and no longer. Default false.
   */
  readonly allowWeakKeys?: boolean;
  /** The one algorithm, for services that pin it in code. `JWT_ALGORITHM` is not read then. */
  readonly algorithm?: Algorithm;
}

/** The keys cannot be used. The message names the variable and what to do, and has no part of a value. */
export class KeyringError extends Error {
  override readonly name = 'KeyringError';
  /** Such as `JWT_SECRET_KEY`. */
  readonly variable: string;

  /** @param where the variable, or one entry of it @param problem the rest of the sentence */
  constructor(variable: string, problem: string, where = variable) {
    super(`${where} ${problem}`);
    this.variable = variable;
  }
}

/** @param text the HMAC key is its UTF-8 bytes, exactly */
export function keyOf(text: string, kid?: string): Key {
  const bytes = Buffer.from(text, 'utf8');
  const digest = createHmac('sha256', bytes).update('rekey.dev/fingerprint/v1').digest('hex');
  const fingerprint = isGuessable(bytes) ? `weak-${digest.slice(0, 4)}` : digest.slice(0, 16);
  const secret = createSecretKey(bytes);
  bytes.fill(0);
  return { kid, fingerprint, secret };
}

/**
 * All keys, those first that the `kid` of a token points at. It is a hint and excludes none: nobody has checked it, and one
 * key can have two ids.
 *
 * @param kid of the token; one that is not the id of the signing key means a fallback
 */
export function inOrder({ keys }: Keyring, kid: string | undefined): readonly Key[] {
  const [signing, ...fallbacks] = keys;
  const isOther = kid !== undefined && signing.kid !== undefined && kid !== signing.kid;
  return isOther ? [...fallbacks, signing] : keys;
}
