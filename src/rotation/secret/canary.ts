/**
 * Canaries: tokens that tell which keys a pod has loaded. A canary lives for half a minute beyond the allowed skew of the
 * clocks, is never logged and goes only to the target's own pods.
 */
import { createHmac, randomUUID } from 'node:crypto';
import type { Kid } from '../keyset/keyset.ts';
import type { Claims } from '../settings/canary-settings.ts';
import type { Settings } from '../settings/settings.ts';
import type { KeyMaterial } from './keys.ts';

const LIFETIME_SECONDS = 30;
/** A clock of a pod that is behind must not find the token issued in the future. */
const BACKDATE_SECONDS = 5;

const HASHES = { HS256: 'sha256', HS384: 'sha384', HS512: 'sha512' } as const;

/** Whom a canary speaks of, unless the claims name somebody. */
export const CANARY_SUBJECT = 'rekey-canary';

/** What the tokens are like. */
export interface CanaryTokens {
  readonly algorithm: Settings['algorithm'];
  readonly clockSkewMs: number;
  readonly claims: Claims;
}

/**
 * @param kid header that a service may use as a hint
 * @param nowMs milliseconds since the epoch
 * @returns a JWS in compact form (RFC 7515 section 7.1), signed with HMAC (RFC 7518 section 3.2)
 */
export function signCanary(key: KeyMaterial, kid: Kid, tokens: CanaryTokens, nowMs: number): string {
  const now = Math.floor(nowMs / 1000);
  const skew = Math.ceil(tokens.clockSkewMs / 1000);
  const payload = {
    ...{ sub: CANARY_SUBJECT, jti: randomUUID() },
    ...tokens.claims,
    ...{ iat: now - skew - BACKDATE_SECONDS, exp: now + skew + LIFETIME_SECONDS },
  };
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const input = `${encode({ alg: tokens.algorithm, typ: 'JWT', kid })}.${encode(payload)}`;
  const signature = key.use((bytes) => createHmac(HASHES[tokens.algorithm], bytes).update(input).digest('base64url'));
  return `${input}.${signature}`;
}
