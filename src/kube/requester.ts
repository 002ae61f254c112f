/**
 * One call: sends it, judges the answer, and retries if that is safe.
 *
 * | what happened               | reads, server-side apply | other writes                   |
 * |-----------------------------|--------------------------|--------------------------------|
 * | 401                         | once more with fresh credentials, as nothing was done     |
 * | 429                         | again after Retry-After  | again after Retry-After        |
 * | 5xx, reset, no connection   | again, with back-off     | thrown: may have been applied  |
 *
 * All tries together have one time limit. If a write may have been applied, the caller must read to find out.
 */
import { Deadline, DeadlineExceeded } from './deadline.ts';
import { KubeError, type Subject } from './errors.ts';
import {
  CredentialsError,
  readText,
  TooLargeError,
  type Transport,
  type WireRequest,
  type WireResponse,
} from './http.ts';
import { errorOfFailure, errorOfStatus } from './status.ts';
import type { Timing } from './timing.ts';

/** Whether a call may be retried without the caller. */
export type Repeatable = 'always' | 'if-not-applied' | 'never';

export interface Call extends Omit<WireRequest, 'signal'> {
  readonly subject: Subject;
  readonly repeat: Repeatable;
  readonly limitBytes: number;
}

/** One try of a call, for metrics. */
export interface RequestObservation {
  readonly verb: string;
  readonly method: string;
  readonly resource: string;
  readonly host: string;
  /** HTTP status, or `<error>` where there was none. */
  readonly code: string;
  /** Time until the headers of the answer. */
  readonly seconds: number;
  /** The API server's clock (Date header, whole seconds), in milliseconds since the epoch. */
  readonly serverDateMs?: number | undefined;
}

export interface RequesterOptions {
  readonly transport: Transport;
  readonly clock: Timing;
  readonly random: () => number;
  readonly onRequest?: ((observation: RequestObservation) => void) | undefined;
}

const MAX_TRIES = 4;
const FIRST_PAUSE_MS = 200;
const ERROR_BODY_BYTES = 256 * 1024;

/** Executes calls over a {@link Transport}. */
export class Requester {
  readonly #options: RequesterOptions;

  constructor(options: RequesterOptions) {
    this.#options = options;
  }

  /**
   * @returns the parsed body of a 2xx answer
   * @throws KubeError, or the reason of the caller's signal
   */
  async json(call: Call, limitMs: number, caller?: AbortSignal): Promise<unknown> {
    caller?.throwIfAborted();
    const deadline = new Deadline(this.#options.clock, limitMs, caller);
    try {
      for (let tries = 1; ; tries += 1) {
        try {
          return await this.#once(call, deadline);
        } catch (error) {
          await this.#pauseOrThrow(call, error, tries, deadline);
        }
      }
    } finally {
      deadline.dispose();
    }
  }

  /** Opens the stream of a watch. The caller's deadline continues. */
  async open(call: Call, deadline: Deadline): Promise<WireResponse> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#exchange(call, deadline);
      } catch (error) {
        await this.#pauseOrThrow(call, error, tries, deadline);
      }
    }
  }

  /** Turns an error of a stream into the error for callers of this directory. */
  translate(call: Call, error: unknown, deadline: Deadline): unknown {
    if (error instanceof KubeError) return error;
    const { subject } = call;
    const { signal } = deadline;
    if (signal.aborted) {
      const { reason } = signal;
      if (!(reason instanceof DeadlineExceeded)) return reason;
      return new KubeError({ ...subject, code: 'Timeout', detail: reason.message, maybeApplied: true });
    }
    if (error instanceof CredentialsError) {
      return new KubeError({ ...subject, code: 'Unauthorized', detail: `no credentials: ${error.message}` });
    }
    if (error instanceof TooLargeError) {
      return new KubeError({ ...subject, code: 'ServerError', detail: error.message, maybeApplied: true });
    }
    return errorOfFailure(subject, error);
  }

  async #once(call: Call, deadline: Deadline): Promise<unknown> {
    const { body, status } = await this.#exchange(call, deadline);
    const text = await readText(body, call.limitBytes).catch((error) => {
      throw this.translate(call, error, deadline);
    });
    try {
      return JSON.parse(text);
    } catch {
      // The parser's own message quotes the text.
      throw new KubeError({
        ...call.subject,
        code: 'ServerError',
        status,
        detail: 'the answer is not JSON',
        maybeApplied: true,
      });
    }
  }

  /** One request; the answer is 2xx. */
  async #exchange(call: Call, deadline: Deadline): Promise<WireResponse> {
    const { clock, transport } = this.#options;
    const start = clock.monotonic();
    let response: WireResponse;
    try {
      response = await transport.send({ ...call, signal: deadline.signal });
    } catch (error) {
      this.#observe(call, '<error>', start);
      throw this.translate(call, error, deadline);
    }
    this.#observe(call, String(response.status), start, response.header('date'));
    if (response.status >= 200 && response.status < 300) return response;
    const body = await readText(response.body, ERROR_BODY_BYTES).catch(() => '');
    throw errorOfStatus(call.subject, response.status, parsed(body), response.header('retry-after'));
  }

  #observe({ subject, method }: Call, code: string, start: number, date?: string): void {
    const { clock, transport, onRequest } = this.#options;
    const serverDateMs = date === undefined ? Number.NaN : Date.parse(date);
    onRequest?.({
      verb: subject.verb,
      method,
      resource: subject.resource,
      host: transport.host,
      code,
      seconds: (clock.monotonic() - start) / 1000,
      ...(Number.isNaN(serverDateMs) ? {} : { serverDateMs }),
    });
  }

  /** @throws the error, unless a retry is allowed and the pause before it fits into the deadline */
  async #pauseOrThrow(call: Call, error: unknown, tries: number, deadline: Deadline): Promise<void> {
    if (!(error instanceof KubeError)) throw error;
    if (error.status === 401 && tries === 1 && this.#options.transport.refreshCredentials()) return;
    if (tries >= MAX_TRIES || !mayRepeat(call.repeat, error)) throw error;
    const jittered = FIRST_PAUSE_MS * 2 ** (tries - 1) * (0.5 + this.#options.random());
    const pauseMs = Math.max(jittered, error.retryAfterMs ?? 0);
    if (pauseMs >= deadline.remainingMs()) throw error;
    await this.#pause(pauseMs, deadline.signal).catch((reason) => {
      throw this.translate(call, reason, deadline);
    });
  }

  #pause(ms: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = () => {
        timer.cancel();
        reject(signal.reason);
      };
      const timer = this.#options.clock.setTimeout(() => {
        signal.removeEventListener('abort', onAbort);
        resolve();
      }, ms);
      signal.addEventListener('abort', onAbort, { once: true });
    });
  }
}

function mayRepeat(repeat: Repeatable, { code, status }: KubeError): boolean {
  if (repeat === 'never') return false;
  if (status === 429) return true;
  if (repeat !== 'always') return false;
  return code === 'Unreachable' || (status !== undefined && status >= 500);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
