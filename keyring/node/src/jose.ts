import { type KeyObject, subtle, type webcrypto } from 'node:crypto';
import { JOSEError, JWSSignatureVerificationFailed } from 'jose/errors';
import { CompactSign } from 'jose/jws/compact/sign';
import { compactVerify } from 'jose/jws/compact/verify';
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

/** Signs and verifies with jose. */
export interface JoseTokens {
  /** @param ttlSeconds its life, at most `maxTokenTTL` of the rotation @returns a token signed with the signing key */
  sign(claims: Readonly<Record<string, unknown>>, ttlSeconds: number): Promise<string>;
  /** @throws TokenRefused with the reason as `code` */
  verify(token: string): Promise<Claims>;
}

/** Imported once: jose would import the bytes again for each token. */
const imported = new WeakMap<KeyObject, Promise<webcrypto.CryptoKey>>();

/**
 * jose checks signatures; what a token must say is checked here, by the same rule in every language.
 *
 * @throws RangeError that names the rule that cannot be used
 */
export function joseTokens(keyring: KeyringSource, rules: TokenRules = {}): JoseTokens {
  const checked = checkRules(rules);
  return {
    async sign(claims, ttlSeconds) {
      const { algorithm, keys } = keyring();
      const [{ kid, secret }] = keys;
      const payload = Buffer.from(JSON.stringify(newClaims(claims, ttlSeconds, checked)));
      return new CompactSign(payload)
        .setProtectedHeader({ alg: algorithm, typ: 'JWT', ...(kid !== undefined && { kid }) })
        .sign(await cryptoKey(secret, algorithm));
    },
    async verify(token) {
      const ring = keyring();
      const { algorithm } = ring;
      const { kid, claims } = readToken(token, algorithm);
      for (const { secret } of inOrder(ring, kid)) {
        if (await isSignedWith(token, await cryptoKey(secret, algorithm), algorithm))
          return checkClaims(claims, checked);
      }
      throw badSignature();
    },
  };
}

/** Only a bad signature moves on to the next key. */
async function isSignedWith(token: string, key: webcrypto.CryptoKey, algorithm: Algorithm): Promise<boolean> {
  try {
    await compactVerify(token, key, { algorithms: [algorithm] });
    return true;
  } catch (error) {
    if (error instanceof JWSSignatureVerificationFailed) return false;
    throw error instanceof JOSEError ? malformed('jose cannot read it') : error;
  }
}

function cryptoKey(secret: KeyObject, algorithm: Algorithm): Promise<webcrypto.CryptoKey> {
  const known = imported.get(secret);
  if (known !== undefined) return known;
  const hash = `SHA-${algorithm.slice(2)}`;
  const key = subtle.importKey('raw', new Uint8Array(secret.export()), { name: 'HMAC', hash }, false, [
    'sign',
    'verify',
  ]);
  imported.set(secret, key);
  return key;
}
