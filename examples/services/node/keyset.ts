import type { webcrypto } from 'node:crypto';
import { JOSEError, JWSSignatureVerificationFailed } from 'jose/errors';
import { SignJWT } from 'jose/jwt/sign';
import { jwtVerify } from 'jose/jwt/verify';

/** Where the keys come from: the process environment, or the files of a mounted Secret by name. */
export type KeySource = Readonly<Record<string, string | undefined>>;

/** The keys of one service: signs with the first, accepts every one. */
export interface Keyset {
  readonly sign: webcrypto.CryptoKey;
  /** The signing key first, then the fallbacks in their order. */
  readonly verify: readonly webcrypto.CryptoKey[];
  /** Written into new tokens to help people who debug; never read back to choose a key. */
  readonly kid: string | undefined;
}

/** What a token must say besides bearing a good signature. */
export interface TokenRules {
  readonly issuer?: string;
  readonly audience?: string;
  /** Tolerated clock difference between signer and verifier, in seconds. */
  readonly leewaySeconds: number;
}

/** Claims of an accepted token; times in seconds since the epoch. */
export interface AcceptedToken {
  readonly sub: string | undefined;
  readonly jti: string | undefined;
  readonly iat: number | undefined;
  readonly exp: number;
}

/** Why a token was refused; the same words in every example service. */
export type RefusalCode = 'bad_signature' | 'expired' | 'invalid_claims' | 'malformed';

/** Thrown when the service cannot start with the keys it was given. Names the variable, never the value. */
export class KeysetError extends Error {
  override readonly name = 'KeysetError';
}

/** RFC 7518 §3.2: an HS256 key has at least 256 bits. jose itself accepts three bytes. */
const MIN_KEY_BYTES = 32;

/**
 * Reads the keyset: `JWT_SECRET_KEY` signs, and it and every entry of the comma-separated `JWT_SECRET_KEY_FALLBACKS`
 * verify. The HMAC key is the UTF-8 text itself: nothing is trimmed or decoded.
 *
 * `KEY_MODE=single` leaves the fallbacks out. It is the fault that the tests need, not something to copy.
 *
 * @throws KeysetError when a key is missing or shorter than 32 bytes
 */
export async function readKeyset(source: KeySource): Promise<Keyset> {
  const fallbacks = (source.JWT_SECRET_KEY_FALLBACKS ?? '').split(',').filter((key) => key !== '');
  const sign = await importKey('JWT_SECRET_KEY', source.JWT_SECRET_KEY ?? '');
  const others = source.KEY_MODE === 'single' ? [] : fallbacks;
  const rest = await Promise.all(others.map((key, i) => importKey(`entry ${i + 1} of JWT_SECRET_KEY_FALLBACKS`, key)));
  return { sign, verify: [sign, ...rest], kid: source.JWT_KEY_ID || undefined };
}

/** Signs `claims` with the signing key and adds iat, exp and, where the rules name them, iss and aud. */
export async function signToken(
  keyset: Keyset,
  claims: { readonly sub: string; readonly jti: string },
  rules: TokenRules,
  ttlSeconds: number,
): Promise<string> {
  const iat = Math.floor(Date.now() / 1000);
  const jwt = new SignJWT({ ...claims, iat, exp: iat + ttlSeconds });
  if (rules.issuer !== undefined) jwt.setIssuer(rules.issuer);
  if (rules.audience !== undefined) jwt.setAudience(rules.audience);
  const kid = keyset.kid === undefined ? {} : { kid: keyset.kid };
  return jwt.setProtectedHeader({ alg: 'HS256', typ: 'JWT', ...kid }).sign(keyset.sign);
}

/**
 * Accepts a token that any key of the keyset has signed. Only a *bad signature* moves on to the next key: an expired
 * token with a good signature is expired under every key, and going on would report the wrong reason.
 *
 * @throws the jose error of the last key tried; see {@link refusalCode}
 */
export async function verifyToken(keyset: Keyset, token: string, rules: TokenRules): Promise<AcceptedToken> {
  const options = {
    algorithms: ['HS256'],
    // A token without an end would outlive every retired key.
    requiredClaims: ['exp'],
    clockTolerance: rules.leewaySeconds,
    ...(rules.issuer === undefined ? {} : { issuer: rules.issuer }),
    ...(rules.audience === undefined ? {} : { audience: rules.audience }),
  };
  let failure: unknown;
  for (const key of keyset.verify) {
    try {
      const { payload } = await jwtVerify(token, key, options);
      return { sub: payload.sub, jti: payload.jti, iat: payload.iat, exp: payload.exp ?? 0 };
    } catch (error) {
      if (!(error instanceof JWSSignatureVerificationFailed)) throw error;
      failure = error;
    }
  }
  throw failure;
}

/** @returns why verification failed, or undefined when the error does not come from the token */
export function refusalCode(error: unknown): RefusalCode | undefined {
  if (!(error instanceof JOSEError)) return undefined;
  switch (error.code) {
    case 'ERR_JWS_SIGNATURE_VERIFICATION_FAILED':
      return 'bad_signature';
    case 'ERR_JWT_EXPIRED':
      return 'expired';
    case 'ERR_JWT_CLAIM_VALIDATION_FAILED':
      return 'invalid_claims';
    default:
      return 'malformed';
  }
}

/** Imported once per load: jose would import raw bytes again for each token. */
async function importKey(where: string, text: string): Promise<webcrypto.CryptoKey> {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length === 0) throw new KeysetError(`${where} is missing: set it to a key of at least 32 bytes`);
  if (bytes.length < MIN_KEY_BYTES) {
    throw new KeysetError(`${where} has ${bytes.length} bytes: HS256 needs at least ${MIN_KEY_BYTES} (RFC 7518 §3.2)`);
  }
  return crypto.subtle.importKey('raw', bytes, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign', 'verify']);
}
