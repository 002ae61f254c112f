/**
 * Canaries: tokens that tell which keys a pod has loaded, sent to the pod itself.
 *
 * A Service would hide one bad pod, and the API server's pod proxy drops the Authorization header; so they go straight to
 * the pod's address. A canary lives for half a minute beyond the allowed skew of the clocks, has no roles, is never logged
 * and goes only to the target's own pods.
 */

import { createHmac, randomUUID } from 'node:crypto';
import pLimit from 'p-limit';
import { defined } from '../../kube/objects.ts';
import type { Clock } from '../../runtime/clock.ts';
import { retryAfterMs } from '../../runtime/retry-after.ts';
import type { Answer, Probe } from '../facts.ts';
import type { Kid } from '../keyset/keyset.ts';
import type { CanarySettings, Settings } from '../settings/settings.ts';
import { Getter } from './getter.ts';
import { generateKey, type KeyMaterial, MIN_KEY_BYTES, newKid } from './keys.ts';

const LIFETIME_SECONDS = 30;
/** A clock of a pod that is behind must not find the token issued in the future. */
const BACKDATE_SECONDS = 5;
/** Of one answer, from the moment at which its request is sent. */
const TIMEOUT_MS = 2_000;
/** Of all answers of one pod, the pauses that it asks for included. What is left is asked in a later pass. */
const BUDGET_MS = 5_000;
const FIRST_PAUSE_MS = 200;
/** Requests to one pod at a time. */
const AT_ONCE = 4;
const MAX_BODY_BYTES = 65_536;
/** An earlier answer counts for so long. */
const KEPT_MS = 60_000;

const HASHES = { HS256: 'sha256', HS384: 'sha384', HS512: 'sha512' } as const;

/**
 * @param kid header that a service may use as a hint
 * @param nowMs milliseconds since the epoch
 * @returns a JWS in compact form (RFC 7515 section 7.1), signed with HMAC (RFC 7518 section 3.2)
 */
export function signCanary(key: KeyMaterial, kid: Kid, settings: CanaryTokens, nowMs: number): string {
  const now = Math.floor(nowMs / 1000);
  const skew = Math.ceil(settings.clockSkewMs / 1000);
  const { issuer, audience, claims } = settings.canaryClaims;
  const payload = {
    ...claims,
    ...defined({ iss: issuer, aud: audience }),
    sub: 'rekey-canary',
    jti: randomUUID(),
    iat: now - skew - BACKDATE_SECONDS,
    exp: now + skew + LIFETIME_SECONDS,
  };
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const input = `${encode({ alg: settings.algorithm, typ: 'JWT', kid })}.${encode(payload)}`;
  const signature = key.use((bytes) => createHmac(HASHES[settings.algorithm], bytes).update(input).digest('base64url'));
  return `${input}.${signature}`;
}

/** What the tokens are like. */
export interface CanaryTokens {
  readonly algorithm: Settings['algorithm'];
  readonly clockSkewMs: number;
  readonly canaryClaims: {
    readonly issuer?: string;
    readonly audience?: string;
    readonly claims: Readonly<Record<string, unknown>>;
  };
}

/** One pod or process, and what it is asked. */
export interface Inquiry {
  /** Its canary path. Checked by the caller to be its own. */
  readonly url: string;
  readonly ready: boolean;
  readonly statuses: Statuses;
  readonly settings: CanaryTokens;
  /** Keyset version in the Secret. */
  readonly version: number;
  /** Key id of the key that signs: a made-up key is tried under this name too. */
  readonly sign: Kid;
  /** By key id; those that matter most first. */
  readonly keys: ReadonlyMap<Kid, KeyMaterial>;
  /** What the same containers have answered before. */
  readonly before: Probe | undefined;
}

/** HTTP statuses that mean something else than usual. */
export type Statuses = Pick<CanarySettings, 'acceptStatuses' | 'refuseStatuses'>;

/** What came of one request. */
type Reply =
  | { readonly kind: 'Answered'; readonly answer: Answer; readonly why?: string }
  /** The pod asks to be asked later. */
  | { readonly kind: 'Later'; readonly afterMs: number; readonly why: string }
  /** Nothing came back. */
  | { readonly kind: 'Silent'; readonly why: string };

/** How far a pod lets itself be asked in this pass. */
interface Patience {
  /** Monotonic. */
  readonly until: number;
  notBefore: number;
  why?: string;
  silent: boolean;
}

/** Sends canaries over connections of its own, which are closed with it. */
export class CanarySender {
  readonly #clock: Clock;
  readonly #getter = new Getter(AT_ONCE);

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * Asks one pod about every key that it has not answered for yet, and about two that nobody has: one with a made-up key
   * id, and one with that of the signing key, for whoever looks at ids only.
   *
   * @param now by the clock that keyset times are of, milliseconds since the epoch
   */
  async probe(inquiry: Inquiry, now: () => number): Promise<Probe> {
    const { version, ready, sign, keys } = inquiry;
    const before = usable(inquiry, now());
    const known = new Map([...(before?.answers ?? [])].filter(([, answer]) => answer !== 'unknown'));
    const patience: Patience = {
      until: this.#clock.monotonic() + BUDGET_MS,
      notBefore: 0,
      silent: false,
    };
    const answers = new Map<Kid, Answer>();
    const madeUp: Answer[] = [];
    const madeUpKeys = before === undefined || before.random === 'unknown' ? [newKid(), sign] : [];
    const asking = [
      ...madeUpKeys.map((kid) => async () => {
        using key = generateKey(MIN_KEY_BYTES);
        madeUp.push(await this.#ask(inquiry, key, kid, patience, now));
      }),
      ...[...keys].map(([kid, key]) => async () => {
        answers.set(kid, known.get(kid) ?? (await this.#ask(inquiry, key, kid, patience, now)));
      }),
    ];
    const inTurn = pLimit(AT_ONCE);
    await Promise.all(asking.map((ask) => inTurn(ask)));
    const random = madeUpKeys.length === 0 ? (before?.random ?? 'unknown') : together(madeUp);
    const at = now();
    const heard = inquiry.before?.version === version ? inquiry.before.answers : undefined;
    // what it has said before and says again is nothing new, however long ago that was
    const isNew = [...answers].some(
      ([kid, answer]) => answer !== 'unknown' && (heard?.get(kid) ?? 'unknown') === 'unknown',
    );
    const isOpen = [...answers.values(), random].includes('unknown');
    return {
      ...{ version, ready, random, at: before?.at ?? at, askedAt: at },
      // in the order of the keyset, whoever answered first
      answers: new Map([...keys.keys()].map((kid) => [kid, answers.get(kid) ?? 'unknown'])),
      failures: isOpen && !isNew ? (inquiry.before?.failures ?? 0) + 1 : 0,
      ...(isOpen && patience.why !== undefined && { why: patience.why }),
    };
  }

  /** Asks again while the pod asks for patience, as long as that lasts. */
  async #ask(inquiry: Inquiry, key: KeyMaterial, kid: Kid, patience: Patience, now: () => number): Promise<Answer> {
    for (let tries = 0; !patience.silent; tries += 1) {
      const waitMs = patience.notBefore - this.#clock.monotonic();
      if (patience.notBefore >= patience.until) return 'unknown';
      if (waitMs > 0) await this.#clock.sleep(waitMs);
      // signed now: it may have waited
      const reply = await this.#send(inquiry, signCanary(key, kid, inquiry.settings, now()));
      if (reply.why !== undefined) patience.why = reply.why;
      if (reply.kind === 'Answered') return reply.answer;
      if (reply.kind === 'Silent') patience.silent = true;
      else {
        const pauseMs = Math.max(reply.afterMs, FIRST_PAUSE_MS * 2 ** tries);
        patience.notBefore = Math.max(patience.notBefore, this.#clock.monotonic() + pauseMs);
      }
    }
    return 'unknown';
  }

  async #send({ url, statuses }: Inquiry, token: string): Promise<Reply> {
    try {
      const { status, retryAfter } = await this.#getter.get(url, {
        headers: { authorization: `Bearer ${token}`, 'user-agent': 'rekey-canary' },
        ...{ timeoutMs: TIMEOUT_MS, maxBodyBytes: MAX_BODY_BYTES },
      });
      const answer = answerOf(status, statuses);
      if (answer !== 'unknown') return { kind: 'Answered', answer };
      const why = `it answered ${status}`;
      if (status !== 429 && status !== 503) return { kind: 'Answered', answer, why };
      return { kind: 'Later', why, afterMs: retryAfterMs(retryAfter, this.#clock.now()) };
    } catch (error) {
      // refused connection, reset, time-out: nothing is known, and nothing is concluded
      return { kind: 'Silent', why: `it did not answer (${causeOf(error)})` };
    }
  }

  async close(): Promise<void> {
    this.#getter.close();
  }
}

/** Answers to canaries of the same keyset version that are not too old, where some are missing: else all is asked anew. */
function usable({ before, version }: Inquiry, now: number): Probe | undefined {
  if (before === undefined || before.version !== version || now >= before.at + KEPT_MS) return undefined;
  return [...before.answers.values(), before.random].includes('unknown') ? before : undefined;
}

/** One that is accepted counts, whatever the other: it verifies nothing. */
function together(answers: readonly Answer[]): Answer {
  if (answers.includes('accepted')) return 'accepted';
  return answers.every((answer) => answer === 'refused') ? 'refused' : 'unknown';
}

function causeOf(error: unknown): string {
  const { code, name, cause } = error as { code?: unknown; name?: unknown; cause?: { code?: unknown } };
  if (name === 'TimeoutError') return `not within ${TIMEOUT_MS / 1000} s`;
  return String(code ?? cause?.code ?? name);
}

/** @returns the canary path of a pod */
export function canaryUrl(address: string, { port, path }: CanarySettings): string {
  return `http://${address.includes(':') ? `[${address}]` : address}:${port}${path}`;
}

/** @returns what an HTTP status means for the token; 5xx and whatever was not declared mean nothing */
export function answerOf(status: number, { acceptStatuses, refuseStatuses }: Statuses): Answer {
  if (refuseStatuses.includes(status)) return 'refused';
  if (acceptStatuses.includes(status)) return 'accepted';
  if (status === 401) return 'refused';
  return status >= 200 && status < 300 ? 'accepted' : 'unknown';
}
