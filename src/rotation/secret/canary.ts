/**
 * Canaries: tokens that show which keys a pod has loaded. A canary is valid for half a minute beyond the allowed clock
 * skew, is never logged and goes only to the target's own pods.
 */
import { createHmac, randomUUID } from 'node:crypto';
import type { Kid } from '../keyset/keyset.ts';
import type { Claims } from '../settings/canary-settings.ts';
import type { Settings } from '../settings/settings.ts';
import type { KeyMaterial } from './keys.ts';

const LIFETIME_SECONDS = 30;
/** To a pod whose clock is behind, the token must not seem to be issued in the future. */
const BACKDATE_SECONDS = 5;

const HASHES = { HS256: 'sha256', HS384: 'sha384', HS512: 'sha512' } as const;

/** Subject of a canary, unless the claims set another one. */
export const CANARY_SUBJECT = 'rekey-canary';

/** What the tokens are like. */
export interface CanaryTokens {
  readonly algorithm: Settings['algorithm'];
  readonly clockSkewMs: number;
  readonly claims: Claims;
}

/** @returns the claims of a canary, with a short validity */
export function canaryPayload(tokens: Omit<CanaryTokens, 'algorithm'>, nowMs: number): Claims & Life {
  const now = Math.floor(nowMs / 1000);
  const skew = Math.ceil(tokens.clockSkewMs / 1000);
  return {
    ...{ sub: CANARY_SUBJECT, jti: randomUUID() },
    ...tokens.claims,
    ...{ iat: now - skew - BACKDATE_SECONDS, exp: now + skew + LIFETIME_SECONDS },
  };
}

/** Seconds since the epoch. */
interface Life {
  readonly iat: number;
  readonly exp: number;
}

/** @returns header and payload as they are signed (RFC 7515 section 5.1) */
export function signingInput(header: object, payload: object): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  return `${encode(header)}.${encode(payload)}`;
}

/** @returns a JWS in compact form (RFC 7515 section 7.1), signed with the HMAC that the header names (RFC 7518 section 3.2) */
export function signJws(
  header: { readonly alg: CanaryTokens['algorithm'] } & Readonly<Record<string, unknown>>,
  payload: object,
  key: KeyMaterial,
): string {
  const input = signingInput(header, payload);
  return `${input}.${key.use((bytes) => createHmac(HASHES[header.alg], bytes).update(input).digest('base64url'))}`;
}

/**
 * @param kid header that a service may use as a hint
 * @param nowMs milliseconds since the epoch
 */
export function signCanary(key: KeyMaterial, kid: Kid, tokens: CanaryTokens, nowMs: number): string {
  return signJws({ alg: tokens.algorithm, typ: 'JWT', kid }, canaryPayload(tokens, nowMs), key);
}
