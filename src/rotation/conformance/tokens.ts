/**
 * The tokens that a service is asked about. A correct service refuses each of them except the good ones. All except the
 * one without `exp` expire within a minute.
 */
import type { Kid } from '../keyset/keyset.ts';
import { type CanaryTokens, canaryPayload, signCanary, signingInput, signJws } from '../secret/canary.ts';
import { generateKey, KeyMaterial, MIN_KEY_BYTES, newKid } from '../secret/keys.ts';
import type { CaseName } from './cases.ts';

const HOUR = 3_600;
const ALGORITHMS = ['HS256', 'HS384', 'HS512'] as const;
const GARBAGE = 'this-is-no-token';

/** A key, and the key id of its tokens. */
export interface SigningKey {
  readonly kid: Kid;
  readonly material: KeyMaterial;
}

/** The keys that a service should have. Their creator overwrites them. */
export interface ServiceKeys {
  readonly signing: SigningKey;
  readonly fallbacks: readonly SigningKey[];
}

/** One token, or none, and the case that it belongs to. */
export interface Sent {
  readonly name: CaseName;
  /** Which of several of the same case, for people. */
  readonly which?: string;
  /** Makes the token when it is sent. @param nowMs milliseconds since the epoch */
  readonly token: (nowMs: number) => string | undefined;
}

export interface TokenOptions extends CanaryTokens {
  /** Whether to send a token without `exp`, which is valid for as long as its key. */
  readonly withoutExpiry: boolean;
}

/** @returns the tokens in the order of sending: the good one first and last */
export function tokensFor(keys: ServiceKeys, options: TokenOptions): readonly Sent[] {
  const good: Sent['token'] = (now) => signCanary(keys.signing.material, keys.signing.kid, options, now);
  return [
    { name: 'signing-key', token: good },
    ...otherGoodOnes(keys, options),
    ...forgedOnes(keys.signing, options),
    ...unsignedOnes(keys.signing, options),
    ...misusedOnes(keys.signing, options),
    { name: 'no-token', token: () => undefined },
    { name: 'signing-key-again', token: good },
  ];
}

/** Signed with a key that the service has. */
function otherGoodOnes({ signing, fallbacks }: ServiceKeys, options: TokenOptions): readonly Sent[] {
  const { algorithm: alg } = options;
  return [
    ...fallbacks.map(({ kid, material }, i): Sent => {
      const which = `${i + 1} of ${fallbacks.length}`;
      return { name: 'fallback', which, token: (now) => signCanary(material, kid, options, now) };
    }),
    { name: 'unknown-key-id', token: (now) => signCanary(signing.material, newKid(), options, now) },
    { name: 'no-key-id', token: (now) => signJws({ alg, typ: 'JWT' }, canaryPayload(options, now), signing.material) },
  ];
}

/** Signed with a key that the service does not have, or not signed at all. */
function forgedOnes({ kid }: SigningKey, options: TokenOptions): readonly Sent[] {
  const empty = new KeyMaterial(Buffer.alloc(0));
  return [
    { name: 'made-up-key', token: (now) => madeUp(newKid(), options, now) },
    { name: 'made-up-key-known-id', token: (now) => madeUp(kid, options, now) },
    { name: 'empty-key', token: (now) => signCanary(empty, kid, options, now) },
    { name: 'garbage', token: () => GARBAGE },
  ];
}

function madeUp(kid: Kid, tokens: CanaryTokens, now: number): string {
  using key = generateKey(MIN_KEY_BYTES);
  return signCanary(key, kid, tokens, now);
}

/** Spellings of "none": libraries have compared it in different ways. */
const NONES = {
  none: 'none',
  'none-upper-case': 'NONE',
  'none-capital': 'None',
  'none-mixed-case': 'nOnE',
} as const;

function unsignedOnes({ kid }: SigningKey, options: TokenOptions): readonly Sent[] {
  const input = (alg: string, now: number) => signingInput({ alg, typ: 'JWT', kid }, canaryPayload(options, now));
  const signature = (now: number) => madeUp(kid, options, now).split('.').at(-1);
  const empty = (name: keyof typeof NONES): Sent => ({ name, token: (now) => `${input(NONES[name], now)}.` });
  return [
    empty('none'),
    { name: 'none-without-part', token: (now) => input('none', now) },
    { name: 'none-with-signature', token: (now) => `${input('none', now)}.${signature(now)}` },
    ...(['none-upper-case', 'none-capital', 'none-mixed-case'] as const).map(empty),
  ];
}

/** Signed with the right key, but to be refused for another reason. */
function misusedOnes({ kid, material }: SigningKey, options: TokenOptions): readonly Sent[] {
  const { algorithm, clockSkewMs, withoutExpiry } = options;
  const soon = (now: number) => Math.ceil((now + clockSkewMs) / 1000) + HOUR;
  const ago = (now: number) => Math.floor((now - clockSkewMs) / 1000) - HOUR;
  const saying = (claims: (now: number) => object) => (now: number) => {
    return signJws({ alg: algorithm, typ: 'JWT', kid }, { ...canaryPayload(options, now), ...claims(now) }, material);
  };
  return [
    ...ALGORITHMS.filter((alg) => alg !== algorithm).map((alg): Sent => {
      const token = (now: number) => signCanary(material, kid, { ...options, algorithm: alg }, now);
      return { name: 'other-algorithm', which: alg, token };
    }),
    { name: 'expired', token: saying((now) => ({ iat: ago(now) - HOUR, exp: ago(now) })) },
    // it expires before it becomes valid, so nobody can use it later
    { name: 'not-yet-valid', token: saying((now) => ({ nbf: soon(now) })) },
    { name: 'issued-in-future', token: saying((now) => ({ iat: soon(now) })) },
    // JSON leaves out undefined claims
    ...(withoutExpiry ? [{ name: 'no-expiry', token: saying(() => ({ exp: undefined })) } as const] : []),
  ];
}
