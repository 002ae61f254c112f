/**
 * Canaries: tokens that tell which keys a pod has loaded, sent to the pod itself.
 *
 * A Service would hide one bad pod, and the API server's pod proxy drops the Authorization header; so they go straight to
 * the pod's address. A canary lives 30 seconds, has no roles, is never logged and goes only to the target's own pods.
 */
import { createHmac, randomUUID } from 'node:crypto';
import { Agent, request } from 'undici';
import type { Answer, Probe } from '../facts.ts';
import type { Kid } from '../keyset/keyset.ts';
import type { CanarySettings, Settings } from '../settings.ts';
import { generateKey, type KeyMaterial, MIN_KEY_BYTES, newKid } from './keys.ts';

const LIFETIME_SECONDS = 30;
const TIMEOUT_MS = 2_000;
const MAX_BODY_BYTES = 65_536;
/** A clock of a pod that is behind ours must not find the token issued in the future. */
const BACKDATE_SECONDS = 5;

const HASHES = { HS256: 'sha256', HS384: 'sha384', HS512: 'sha512' } as const;

/**
 * @param kid header that a service may use as a hint
 * @param nowMs milliseconds since the epoch
 * @returns a JWS in compact form (RFC 7515 section 7.1), signed with HMAC (RFC 7518 section 3.2)
 */
export function signCanary(
  key: KeyMaterial,
  kid: Kid,
  settings: Pick<Settings, 'algorithm' | 'canaryClaims'>,
  nowMs: number,
): string {
  const now = Math.floor(nowMs / 1000);
  const { issuer, audience, claims } = settings.canaryClaims;
  const payload = {
    ...claims,
    ...(issuer !== undefined && { iss: issuer }),
    ...(audience !== undefined && { aud: audience }),
    sub: 'rekey-canary',
    jti: randomUUID(),
    iat: now - BACKDATE_SECONDS,
    exp: now + LIFETIME_SECONDS,
  };
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const input = `${encode({ alg: settings.algorithm, typ: 'JWT', kid })}.${encode(payload)}`;
  const signature = key.use((bytes) => createHmac(HASHES[settings.algorithm], bytes).update(input).digest('base64url'));
  return `${input}.${signature}`;
}

/** Sends canaries over connections of its own, which are closed with it. */
export class CanarySender {
  readonly #agent = new Agent({ connections: 4, pipelining: 1, keepAliveTimeout: 1_000, headersTimeout: TIMEOUT_MS });

  /**
   * Asks one pod about every key, and about one that nobody has.
   *
   * @param address of the pod, checked by the caller to be the pod's own
   * @param keys the keys to ask about, by key id
   */
  async probe(
    address: string,
    canary: CanarySettings,
    keys: ReadonlyMap<Kid, KeyMaterial>,
    settings: Settings,
    version: number,
    now: () => number,
  ): Promise<Probe> {
    const ask = (key: KeyMaterial, kid: Kid) => this.#ask(address, canary, signCanary(key, kid, settings, now()));
    const madeUp = generateKey(MIN_KEY_BYTES);
    // signed before anything is waited for
    const asked = ask(madeUp, newKid());
    madeUp.destroy();
    const [random, ...answers] = await Promise.all([
      asked,
      ...[...keys].map(async ([kid, key]) => [kid, await ask(key, kid)] as const),
    ]);
    return { version, at: now(), answers: new Map(answers), random };
  }

  async #ask(address: string, canary: CanarySettings, token: string): Promise<Answer> {
    const host = address.includes(':') ? `[${address}]` : address;
    try {
      const { statusCode, body } = await request(`http://${host}:${canary.port}${canary.path}`, {
        dispatcher: this.#agent,
        headers: { authorization: `Bearer ${token}`, 'user-agent': 'rekey-canary' },
        signal: AbortSignal.timeout(TIMEOUT_MS),
      });
      await body.dump({ limit: MAX_BODY_BYTES });
      return answerOf(statusCode, canary);
    } catch {
      // refused connection, reset, time-out: nothing is known, and nothing is concluded
      return 'unknown';
    }
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }
}

/** @returns what an HTTP status means for the token; 5xx and whatever was not declared mean nothing */
export function answerOf(status: number, canary: CanarySettings): Answer {
  if (canary.refuseStatuses.includes(status)) return 'refused';
  if (canary.acceptStatuses.includes(status)) return 'accepted';
  if (status === 401) return 'refused';
  return status >= 200 && status < 300 ? 'accepted' : 'unknown';
}
