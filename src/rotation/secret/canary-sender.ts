/**
 * Sends canaries to one pod or process, and keeps its answers.
 *
 * They go directly to the pod's address: a Service would hide one bad pod, and the API server's pod proxy drops the
 * Authorization header.
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
import { type Earlier, inRounds, isProgress, isRepeated, Question, together, usable } from './canary-question.ts';
import { canaryRequest } from './canary-request.ts';
import { type Got, HttpClient } from './http-client.ts';
import { generateKey, type KeyMaterial, MIN_KEY_BYTES, newKid } from './keys.ts';

/** Time limit of one answer, from the sending of its request. */
const TIMEOUT_MS = 2_000;
/** Time limit of all answers of one pod, including the pauses that it asks for. A later pass asks the rest. */
const BUDGET_MS = 5_000;
/** The same where each question is put several times. What is not asked by then is unknown. */
const REPEATED_BUDGET_MS = 10_000;
const FIRST_PAUSE_MS = 200;
/** Parallel requests to one pod. */
const AT_ONCE = 4;
const MAX_BODY_BYTES = 65_536;
const MAX_LOCATION = 200;
const MIXED =
  'it answers the same question now yes, now no: several processes may share its port, and some have not read the mounted files again';
const SLOW = `it is too slow to be asked so often within ${REPEATED_BUDGET_MS / 1000} s`;

/** A service at one address, and how it is asked. */
export interface Asked {
  /** URL of its canary path. The caller has checked that the address belongs to it. */
  readonly url: string;
  readonly form: RequestForm & AnswerMeaning;
  readonly tokens: CanaryTokens;
}

/** One pod or process, and what it is asked. */
export interface Inquiry extends Asked, Earlier {
  readonly ready: boolean;
  /** Id of the signing key: a made-up key is also tried under this id. */
  readonly sign: Kid;
  /** By key id, the most important first. */
  readonly keys: ReadonlyMap<Kid, KeyMaterial>;
  /** Once it is aborted, nothing more is sent. */
  readonly cut?: AbortSignal | undefined;
}

/** The result of one request; without `got` there was no answer. */
interface Reply extends Reading {
  readonly got?: Got;
}

/** A question, and how to put it once more. */
interface Put {
  readonly question: Question;
  readonly ask: () => Promise<Answer>;
}

/** How long to keep asking a service, in one pass or about one token. */
export interface Patience {
  /** Monotonic. */
  readonly until: number;
  notBefore: number;
  why?: string;
  /** Whether it has not answered at all. */
  silent: boolean;
  readonly cut?: AbortSignal | undefined;
}

/** Sends canaries over connections of its own, which are closed with it. */
export class CanarySender {
  readonly #clock: Clock;
  readonly #http: HttpClient;

  /** @param connections `fresh`: a new one for each request, since behind one address there may be several processes */
  constructor(clock: Clock, connections: 'kept' | 'fresh' = 'kept') {
    this.#clock = clock;
    this.#http = new HttpClient(connections === 'fresh' ? 'fresh' : AT_ONCE);
  }

  /**
   * Asks one pod about every key without an answer so far, and about two made-up keys: one under a made-up key id, and
   * one under that of the signing key, to find services that check the id only.
   *
   * @param now by the clock of keyset times, milliseconds since the epoch
   */
  async probe(inquiry: Inquiry, now: () => number): Promise<Probe> {
    const { version, ready, keys } = inquiry;
    const begunAt = now();
    const before = usable(inquiry, begunAt);
    const budgetMs = isRepeated(inquiry) ? REPEATED_BUDGET_MS : BUDGET_MS;
    const patience = { ...this.patience(budgetMs), cut: inquiry.cut };
    const { madeUp, known, asked } = await this.#putAll(inquiry, before, patience, now);
    const at = now();
    const random = madeUp.length === 0 ? (before?.random ?? 'unknown') : together(madeUp);
    // in the order of the keyset, not of the answers
    const answers = new Map(
      [...keys.keys()].map((kid) => [kid, asked.get(kid)?.answer ?? known.get(kid) ?? 'unknown']),
    );
    const isHeard = [...asked.values(), ...madeUp].some(({ answer }) => answer !== 'unknown');
    const isOpen = [...answers.values(), random].includes('unknown');
    const why = [...asked.values()].some(({ isMixed }) => isMixed) ? MIXED : patience.why;
    const pauseMs = Math.max(0, patience.notBefore - this.#clock.monotonic());
    return {
      ...{ version, ready, answers, random, at: before?.at ?? begunAt, askedAt: at },
      heardAt: isHeard ? at : (before?.heardAt ?? at),
      failures: isOpen && !isProgress(inquiry, answers) ? (inquiry.before?.failures ?? 0) + 1 : 0,
      ...(isOpen && why !== undefined && { why }),
      ...(isOpen && pauseMs > 0 && { pauseMs }),
    };
  }

  /** Puts the questions that have no answer yet. */
  async #putAll(
    inquiry: Inquiry,
    before: Probe | undefined,
    patience: Patience,
    now: () => number,
  ): Promise<{ madeUp: readonly Question[]; known: ReadonlyMap<Kid, Answer>; asked: ReadonlyMap<Kid, Question> }> {
    const { sign, keys, times = 1 } = inquiry;
    const known = new Map([...(before?.answers ?? [])].filter(([, answer]) => answer !== 'unknown'));
    const madeUpKeys = before === undefined || before.random === 'unknown' ? [newKid(), sign] : [];
    const madeUp = madeUpKeys.map((kid) => {
      const ask = async () => {
        using key = generateKey(MIN_KEY_BYTES);
        return await this.#ask(inquiry, key, kid, patience, now);
      };
      return { question: new Question(times), ask };
    });
    const asked = [...keys]
      .filter(([kid]) => !known.has(kid))
      .map(([kid, key]) => {
        return { kid, question: new Question(times), ask: () => this.#ask(inquiry, key, kid, patience, now) };
      });
    const put = async ({ question, ask }: Put) => {
      if (!question.isOpen) return;
      const isLate = times > 1 && this.isOver(patience);
      if (isLate) patience.why ??= SLOW;
      question.note(isLate ? 'unknown' : await ask());
    };
    const inTurn = pLimit(AT_ONCE);
    await Promise.all(inRounds<Put>([...madeUp, ...asked], times).map((one) => inTurn(put, one)));
    const questions = new Map(asked.map(({ kid, question }) => [kid, question]));
    return { madeUp: madeUp.map(({ question }) => question), known, asked: questions };
  }

  /**
   * @param within a patience that this one must not outlast
   * @returns by default the patience for one pod in one pass; it begins now
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
   * Asks again while the pod asks to wait, as long as the patience lasts.
   *
   * @param sign called for each request, since tokens expire soon; undefined for a request without a token
   */
  async askPatiently(asked: Asked, sign: () => string | undefined, patience: Patience): Promise<Reading> {
    for (let tries = 0; !patience.silent; tries += 1) {
      const waitMs = patience.notBefore - this.#clock.monotonic();
      if (patience.notBefore >= patience.until) break;
      if (waitMs > 0) await this.#clock.sleep(waitMs, patience.cut).catch(() => undefined);
      if (patience.cut?.aborted) break;
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

  /** Asks about one key, once, for a person. */
  async ask(asked: Asked, key: KeyMaterial, kid: Kid, now: number): Promise<Reading> {
    return withPlace(await this.#send(asked, signCanary(key, kid, asked.tokens, now)));
  }

  async #send({ url, form }: Asked, token: string | undefined): Promise<Reply> {
    try {
      const limits = { timeoutMs: TIMEOUT_MS, maxBodyBytes: MAX_BODY_BYTES };
      const got = await this.#http.send(canaryRequest(url, form, token), limits);
      return { ...readAnswer(got, form), got };
    } catch (error) {
      // after a refused connection, a reset or a time-out nothing is known
      return { answer: 'unknown', said: silenceOf(error) };
    }
  }

  async close(): Promise<void> {
    this.#http.close();
  }
}

/** @returns the reading with the target of a redirect, for a person */
function withPlace({ answer, said, got }: Reply): Reading {
  if (got?.location === undefined) return { answer, said };
  // parameters may repeat parts of the request
  const [place = ''] = got.location.split('?');
  return { answer, said: `${said}, to ${redactText(place).slice(0, MAX_LOCATION)}` };
}

function silenceOf(error: unknown): string {
  const { code, name, cause } = error as { code?: unknown; name?: unknown; cause?: { code?: unknown } };
  if (name === 'TimeoutError') return `it did not answer (not within ${TIMEOUT_MS / 1000} s)`;
  const known = String(code ?? cause?.code ?? name);
  const isCertificate = /CERT|SELF_SIGNED|UNABLE_TO_(?:VERIFY|GET)/.test(known);
  return isCertificate ? `its certificate is not valid for rekey (${known})` : `it did not answer (${known})`;
}
