/**
 * What the preload is asked through each real library: tokens that it must accept, and attacks that it must refuse.
 */
import { createHmac, randomBytes } from 'node:crypto';

export type Answer = 'accepted' | 'refused';

export interface Question {
  readonly name: string;
  readonly token: string;
  /** The variable that holds the key with which the service verifies. */
  readonly variable: 'JWT_SECRET_KEY' | 'JWT_SECRET';
  readonly with: Answer;
  readonly without: Answer;
}

const key = () => randomBytes(32).toString('hex');
const keys = { current: key(), first: key(), second: key(), foreign: key(), separate: key() };
const list = `${keys.first},${keys.second}`;

/** The environment of a service that has a second secret of its own. */
export const SERVICE_ENV = {
  JWT_SECRET_KEY: keys.current,
  JWT_SECRET_KEY_FALLBACKS: list,
  JWT_SECRET: keys.separate,
} as const;
/** Key texts that no output may hold. */
export const KEY_TEXTS: readonly string[] = Object.values(keys);

const now = Math.floor(Date.now() / 1000);
/** What a good token says. */
export const CLAIMS = { iss: 'shop', sub: 'anna', iat: now, exp: now + 3600 };

const part = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const mac = (secret: string, input: string, hash = 'sha256') => createHmac(hash, secret).update(input).digest();

interface Making {
  readonly header?: unknown;
  readonly claims?: unknown;
  readonly hash?: string;
  /** From the input and the signature to what stands in the place of the signature. */
  readonly end?: (signature: Buffer, input: string) => string;
}

function tokenOf(secret: string, making: Making = {}): string {
  const { header = { alg: 'HS256', typ: 'JWT' }, claims = CLAIMS, hash = 'sha256' } = making;
  const { end = (signature: Buffer) => signature.toString('base64url') } = making;
  const input = `${part(header)}.${part(claims)}`;
  return `${input}.${end(mac(secret, input, hash), input)}`;
}

const { current, first, second, foreign, separate } = keys;
const hs256 = { alg: 'HS256', typ: 'JWT' };
const altered = part({ ...CLAIMS, sub: 'root' });

/** Attacks, all of which must be refused with and without the preload. */
const ATTACKS: Readonly<Record<string, string>> = {
  'a foreign key': tokenOf(foreign),
  'the key of another variable': tokenOf(separate),
  'the empty key': tokenOf(''),
  'the whole list as the key': tokenOf(list),
  'a fallback as alg none, with its signature': tokenOf(first, { header: { alg: 'none' } }),
  'alg none, without a signature': tokenOf(first, { header: { alg: 'none' }, end: () => '' }),
  'a fallback as HS512': tokenOf(first, { header: { alg: 'HS512' }, hash: 'sha512' }),
  'a fallback as HS384': tokenOf(first, { header: { alg: 'HS384' }, hash: 'sha384' }),
  'a header of HS512 over an HS256 signature of a fallback': tokenOf(first, { header: { alg: 'HS512' } }),
  'a header of HS256 over an HS512 signature of a fallback': tokenOf(first, { hash: 'sha512' }),
  'a fallback with hs256 in small letters': tokenOf(first, { header: { alg: 'hs256' } }),
  'a fallback without alg': tokenOf(first, { header: { typ: 'JWT' } }),
  'a fallback with a list of alg': tokenOf(first, { header: { alg: ['HS256'] } }),
  'a fallback with crit': tokenOf(first, { header: { ...hs256, crit: ['x'], x: 1 } }),
  'a fallback with an empty crit': tokenOf(first, { header: { ...hs256, crit: [] } }),
  'a fallback with crit null': tokenOf(first, { header: { ...hs256, crit: null } }),
  'a fallback with b64 false': tokenOf(first, { header: { ...hs256, b64: false, crit: ['b64'] } }),
  'a fallback whose header is a list': tokenOf(first, { header: ['HS256'] }),
  'a fallback whose header is text': tokenOf(first, { header: 'HS256' }),
  'a fallback that names alg twice, none last': tokenOf(first, { header: '{"alg":"HS256","alg":"none"}' }),
  'a fallback that has expired': tokenOf(first, { claims: { ...CLAIMS, exp: now - 3600 } }),
  'a fallback that is not valid yet': tokenOf(first, { claims: { ...CLAIMS, nbf: now + 3600 } }),
  'a fallback of another issuer': tokenOf(first, { claims: { ...CLAIMS, iss: 'mallory' } }),
  'a signature of a fallback under other claims': tokenOf(first).replace(/\.[^.]+\./, `.${altered}.`),
  'a signature of a fallback, cut off': tokenOf(first, { end: (s) => s.subarray(0, 31).toString('base64url') }),
  'a signature of a fallback, and more': tokenOf(first, { end: (s) => `${s.toString('base64url')}AAAA` }),
  'a signature of a fallback in hex': tokenOf(first, { end: (s) => s.toString('hex') }),
  'no signature': tokenOf(first, { end: () => '' }),
  'a fallback in four parts': `${tokenOf(first)}.${part('x')}`,
  'a fallback in two parts': tokenOf(first).replace(/\.[^.]+$/, ''),
  'the HMAC of the current key in place of the token': tokenOf(first, { end: (_, input) => part(mac(first, input)) }),
};

const same = (answer: Answer) => ({ with: answer, without: answer });
const fallback = { with: 'accepted', without: 'refused' } as const;

export const QUESTIONS: readonly Question[] = [
  { name: 'the current key', token: tokenOf(current), variable: 'JWT_SECRET_KEY', ...same('accepted') },
  { name: 'the first fallback', token: tokenOf(first), variable: 'JWT_SECRET_KEY', ...fallback },
  { name: 'the second fallback', token: tokenOf(second), variable: 'JWT_SECRET_KEY', ...fallback },
  ...Object.entries(ATTACKS).map(
    ([name, token]): Question => ({ name, token, variable: 'JWT_SECRET_KEY', ...same('refused') }),
  ),
  { name: 'its own separate secret', token: tokenOf(separate), variable: 'JWT_SECRET', ...same('accepted') },
  { name: 'a fallback, by a separate secret', token: tokenOf(first), variable: 'JWT_SECRET', ...same('refused') },
];
