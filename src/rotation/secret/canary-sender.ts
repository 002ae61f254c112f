/**
 * Sends canaries to one pod or process, and keeps what it answers.
 *
 * A Service would hide one bad pod, and the API server's pod proxy drops the Authorization header; so they go straight to
 * the pod's address.
 */

import pLimit from 'p-limit';
import type { Clock } from '../../runtime/clock.ts';
import { redactText } from '../../runtime/redact.ts';
import { retryAfterMs } from '../../runtime/retry-after.ts';
import type { Answer, Probe } from '../facts.ts';
import type { Kid } from '../keyset/keyset.ts';
import type { AnswerMeaning, RequestForm } from '../settings/canary-settings.ts';
import { type CanaryTokens, signCanary } from './canary.ts';
import { type Reading, readAnswer } from './canary-answer.ts';
import { canaryRequest } from './canary-request.ts';
import { type Got, HttpClient } from './http-client.ts';
import { generateKey, type KeyMaterial, MIN_KEY_BYTES, newKid } from './keys.ts';

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
const MAX_LOCATION = 200;

/** A service at one address, and how it is asked. */
export interface Asked {
  /** Its canary path. Checked by the caller to be its own. */
  readonly url: string;
  readonly form: RequestForm & AnswerMeaning;
  readonly tokens: CanaryTokens;
}

/** One pod or process, and what it is asked. */
export interface Inquiry extends Asked {
  readonly ready: boolean;
  /** Keyset version in the Secret. */
  readonly version: number;
  /** Key id of the key that signs: a made-up key is tried under this name too. */
  readonly sign: Kid;
  /** By key id; those that matter most first. */
  readonly keys: ReadonlyMap<Kid, KeyMaterial>;
  /** What the same containers have answered before. */
  readonly before: Probe | undefined;
}

/** What came of one request; without `got`, nothing came back. */
interface Reply extends Reading {
  readonly got?: Got;
}

/** How far a service lets itself be asked: in one pass, or about one token. */
export interface Patience {
  /** Monotonic. */
  readonly until: number;
  notBefore: number;
  why?: string;
  /** Whether it has given no answer at all. */
  silent: boolean;
}

/** Sends canaries over connections of its own, which are closed with it. */
export class CanarySender {
  readonly #clock: Clock;
  readonly #http = new HttpClient(AT_ONCE);

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
    const patience = this.patience();
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

  /**
   * @param within ends no later than this one
   * @returns by default that of one pod in one pass; it begins now
   */
  patience(budgetMs = BUDGET_MS, within?: Patience): Patience {
    const until = Math.min(this.#clock.monotonic() + budgetMs, within?.until ?? Number.POSITIVE_INFINITY);
    return { until, notBefore: 0, silent: false };
  }

  isOver({ until }: Patience): boolean {
    return this.#clock.monotonic() >= until;
  }

  async #ask(inquiry: Inquiry, key: KeyMaterial, kid: Kid, patience: Patience, now: () => number): Promise<Answer> {
    const sign = () => signCanary(key, kid, inquiry.tokens, now());
    return (await this.askPatiently(inquiry, sign, patience)).answer;
  }

  /**
   * Asks again while the pod asks for patience, as long as that lasts.
   *
   * @param sign is called for each request, since a token that waits grows old; undefined: the request has no token
   */
  async askPatiently(asked: Asked, sign: () => string | undefined, patience: Patience): Promise<Reading> {
    for (let tries = 0; !patience.silent; tries += 1) {
      const waitMs = patience.notBefore - this.#clock.monotonic();
      if (patience.notBefore >= patience.until) break;
      if (waitMs > 0) await this.#clock.sleep(waitMs);
      const reply = await this.#send(asked, sign());
      const { answer, said, got } = reply;
      if (answer !== 'unknown') return withPlace(reply);
      patience.why = said;
      if (got === undefined) patience.silent = true;
      else if (got.status !== 429 && got.status !== 503) return withPlace(reply);
      else {
        const afterMs = retryAfterMs(got.retryAfter, this.#clock.now());
        const pauseMs = Math.max(afterMs, FIRST_PAUSE_MS * 2 ** tries);
        patience.notBefore = Math.max(patience.notBefore, this.#clock.monotonic() + pauseMs);
      }
    }
    return { answer: 'unknown', said: patience.why ?? 'it was not asked' };
  }

  /** Asks about one key, once. What comes back is for a person. */
  async ask(asked: Asked, key: KeyMaterial, kid: Kid, now: number): Promise<Reading> {
    return withPlace(await this.#send(asked, signCanary(key, kid, asked.tokens, now)));
  }

  async #send({ url, form }: Asked, token: string | undefined): Promise<Reply> {
    try {
      const limits = { timeoutMs: TIMEOUT_MS, maxBodyBytes: MAX_BODY_BYTES };
      const got = await this.#http.send(canaryRequest(url, form, token), limits);
      return { ...readAnswer(got, form), got };
    } catch (error) {
      // refused connection, reset, time-out: nothing is known, and nothing is concluded
      return { answer: 'unknown', said: silenceOf(error) };
    }
  }

  async close(): Promise<void> {
    this.#http.close();
  }
}

/** @returns what it says for a person: also where a redirect leads */
function withPlace({ answer, said, got }: Reply): Reading {
  if (got?.location === undefined) return { answer, said };
  // what it is given in parameters, it may have from the request
  const [place = ''] = got.location.split('?');
  return { answer, said: `${said}, to ${redactText(place).slice(0, MAX_LOCATION)}` };
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

function silenceOf(error: unknown): string {
  const { code, name, cause } = error as { code?: unknown; name?: unknown; cause?: { code?: unknown } };
  if (name === 'TimeoutError') return `it did not answer (not within ${TIMEOUT_MS / 1000} s)`;
  const known = String(code ?? cause?.code ?? name);
  const isCertificate = /CERT|SELF_SIGNED|UNABLE_TO_(?:VERIFY|GET)/.test(known);
  return isCertificate ? `its certificate is not valid for rekey (${known})` : `it did not answer (${known})`;
}
