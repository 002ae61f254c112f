import type { Algorithm } from './keyring.ts';

/** What a token must say besides bearing a good signature. */
export interface TokenRules {
  /** Signed as `iss`, and then required of every token. */
  readonly issuer?: string;
  /** Signed as `aud`, and then required of every token, alone or in a list. */
  readonly audience?: string;
  /** Tolerated difference of clocks in seconds, 0 to 3600. Default 60, as in rekey (`clockSkew`). */
  readonly leewaySeconds?: number;
}

/** The claims of an accepted token. Times in seconds since the epoch. */
export interface Claims {
  readonly exp: number;
  readonly iat?: number;
  readonly sub?: unknown;
  readonly [name: string]: unknown;
}

/** Why a token was refused; the same words in every language. */
export type RefusalCode = 'malformed' | 'bad_signature' | 'expired' | 'invalid_claims';

/** Thrown for a token that is not accepted. Has no part of the token. */
export class TokenRefused extends Error {
  override readonly name = 'TokenRefused';
  readonly code: RefusalCode;

  constructor(code: RefusalCode, message: string) {
    super(message);
    this.code = code;
  }
}

export const MAX_TOKEN_BYTES = 8192;
const DEFAULT_LEEWAY_SECONDS = 60;
const MAX_LEEWAY_SECONDS = 3600;
/** Without padding, white space or the letters of the other alphabet: some libraries skip these, others do not. */
const COMPACT = /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$/;

/** Rules with every default filled in. */
export type CheckedRules = Pick<TokenRules, 'issuer' | 'audience'> & { readonly leewaySeconds: number };

/** @throws RangeError that names the rule that cannot be used */
export function checkRules({ issuer, audience, leewaySeconds = DEFAULT_LEEWAY_SECONDS }: TokenRules): CheckedRules {
  if (issuer === '') throw new RangeError('issuer is empty: leave it out, or set it to the iss of your tokens');
  if (audience === '') throw new RangeError('audience is empty: leave it out, or set it to the aud of your tokens');
  if (!(leewaySeconds >= 0 && leewaySeconds <= MAX_LEEWAY_SECONDS)) {
    throw new RangeError(`leewaySeconds is not a number from 0 to ${MAX_LEEWAY_SECONDS}`);
  }
  return { leewaySeconds, ...(issuer !== undefined && { issuer }), ...(audience !== undefined && { audience }) };
}

/** A token that has the right form, before any key is tried: nobody has vouched for it. */
export interface UncheckedToken {
  /** A hint. */
  readonly kid: string | undefined;
  readonly claims: Readonly<Record<string, unknown>>;
}

/**
 * Refuses what needs no key: size, form, another algorithm, extensions that one must understand.
 *
 * @throws TokenRefused
 */
export function readToken(token: string, algorithm: Algorithm): UncheckedToken {
  if (typeof token !== 'string' || token.length > MAX_TOKEN_BYTES)
    throw malformed(`it has over ${MAX_TOKEN_BYTES} bytes`);
  if (!COMPACT.test(token)) throw malformed('it is not three parts of base64url');
  const [header = '', payload = '', signature = ''] = token.split('.');
  if (Buffer.from(signature, 'base64url').toString('base64url') !== signature)
    throw malformed('the signature is not canonical');
  const { alg, crit, kid } = readPart(header);
  if (alg !== algorithm) throw malformed(`its algorithm is not ${algorithm}`);
  if (crit !== undefined) throw malformed('its header has crit');
  if (kid !== undefined && typeof kid !== 'string') throw malformed('its kid is not a string');
  return { kid, claims: readPart(payload) };
}

/**
 * Checks the claims of a token whose signature is good.
 *
 * @throws TokenRefused
 */
export function checkClaims(
  claims: UncheckedToken['claims'],
  { issuer, audience, leewaySeconds }: CheckedRules,
): Claims {
  const now = Date.now() / 1000;
  const { exp, nbf, iat, iss, aud } = claims;
  // a token without an end would outlive every retired key
  if (!isTime(exp)) throw invalid('exp is missing or not a number');
  if (nbf !== undefined && !isTime(nbf)) throw invalid('nbf is not a number');
  if (iat !== undefined && !isTime(iat)) throw invalid('iat is not a number');
  if (now - leewaySeconds >= exp) throw new TokenRefused('expired', 'the token has expired');
  if (nbf !== undefined && nbf > now + leewaySeconds) throw invalid('nbf is in the future');
  if (iat !== undefined && iat > now + leewaySeconds) throw invalid('iat is in the future');
  if (issuer !== undefined && iss !== issuer) throw invalid('iss is not the issuer');
  if (audience !== undefined && !(Array.isArray(aud) ? aud.includes(audience) : aud === audience)) {
    throw invalid('aud is not the audience');
  }
  return { ...claims, exp } as Claims;
}

/**
 * What a new token says: the times and names are ours, whatever `claims` says of them.
 *
 * @param ttlSeconds its life, more than 0
 */
export function newClaims(claims: Readonly<Record<string, unknown>>, ttlSeconds: number, rules: CheckedRules): Claims {
  if (!(ttlSeconds > 0 && Number.isFinite(ttlSeconds))) throw new RangeError('ttlSeconds is not a number above 0');
  const iat = Math.floor(Date.now() / 1000);
  const { issuer, audience } = rules;
  const names = { ...(issuer !== undefined && { iss: issuer }), ...(audience !== undefined && { aud: audience }) };
  return { ...claims, ...names, iat, exp: iat + Math.floor(ttlSeconds) };
}

/** @returns the error of a token that no key has signed */
export function badSignature(): TokenRefused {
  return new TokenRefused('bad_signature', 'no key has signed the token');
}

function readPart(part: string): Readonly<Record<string, unknown>> {
  const value = parse(Buffer.from(part, 'base64url'));
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw malformed('a part is not a JSON object');
  return value as Readonly<Record<string, unknown>>;
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    throw malformed('a part is not JSON');
  }
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value);
}

/** @returns the error of a token that cannot be read */
export function malformed(what: string): TokenRefused {
  return new TokenRefused('malformed', `the token is malformed: ${what}`);
}

function invalid(what: string): TokenRefused {
  return new TokenRefused('invalid_claims', `the token is not valid: ${what}`);
}
