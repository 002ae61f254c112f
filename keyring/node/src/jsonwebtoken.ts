import type { KeyObject } from 'node:crypto';
import jwt from 'jsonwebtoken';
import {
  badSignature,
  type Claims,
  checkClaims,
  checkRules,
  malformed,
  newClaims,
  readToken,
  type TokenRules,
} from './claims.ts';
import { type Algorithm, inOrder, type KeyringSource } from './keyring.ts';

/** Signs and verifies with jsonwebtoken. */
export interface JsonWebTokens {
  /** @param ttlSeconds its life, at most `maxTokenTTL` of the rotation @returns a token signed with the signing key */
  sign(claims: Readonly<Record<string, unknown>>, ttlSeconds: number): string;
  /** @throws TokenRefused with the reason as `code` */
  verify(token: string): Claims;
}

/**
 * jsonwebtoken checks signatures; what a token must say is checked here, by the same rule in every language.
 *
 * @throws RangeError that names the rule that cannot be used
 */
export function jsonWebTokens(keyring: KeyringSource, rules: TokenRules = {}): JsonWebTokens {
  const checked = checkRules(rules);
  return {
    sign(claims, ttlSeconds) {
      const { algorithm, keys } = keyring();
      const [{ kid, secret }] = keys;
      return jwt.sign(newClaims(claims, ttlSeconds, checked), secret, {
        algorithm,
        ...(kid !== undefined && { keyid: kid }),
      });
    },
    verify(token) {
      const ring = keyring();
      const { kid, claims } = readToken(token, ring.algorithm);
      const keys = inOrder(ring, kid);
      if (keys.some(({ secret }) => isSignedWith(token, secret, ring.algorithm))) return checkClaims(claims, checked);
      throw badSignature();
    },
  };
}

/** Only a bad signature moves on to the next key. The claims are checked afterwards. */
function isSignedWith(token: string, secret: KeyObject, algorithm: Algorithm): boolean {
  try {
    jwt.verify(token, secret, { algorithms: [algorithm], ignoreExpiration: true, ignoreNotBefore: true });
    return true;
  } catch (error) {
    if (!(error instanceof jwt.JsonWebTokenError)) throw error;
    if (error.message === 'invalid signature') return false;
    throw malformed('jsonwebtoken cannot read it');
  }
}
