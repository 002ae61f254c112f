/** Makes a KubeError from an answer or from its absence. */
import { KubeError, type KubeErrorCode, type Subject } from './errors.ts';
import { refusalOf } from './refusal.ts';

/** The fields of metav1.Status that are read. */
interface Status {
  readonly reason?: string | undefined;
  readonly message?: string | undefined;
  readonly code?: number | undefined;
  readonly retryAfterSeconds?: number | undefined;
}

/** Codes of failures before the first byte of a request is sent. */
const NOT_SENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
]);

/** Nobody waits longer because a server asks for it: it may be a proxy in between, and the answer a mistake. */
const MAX_RETRY_AFTER_SECONDS = 30;

/**
 * @param value a parsed answer or the object of an ERROR event
 * @returns the fields; undefined for each that does not look like part of a Status
 */
export function readStatus(value: unknown): Status {
  if (typeof value !== 'object' || value === null) return {};
  const { reason, message, code, details } = value as Readonly<Record<string, unknown>>;
  const after = typeof details === 'object' && details !== null ? Reflect.get(details, 'retryAfterSeconds') : undefined;
  return {
    reason: typeof reason === 'string' ? reason : undefined,
    message: typeof message === 'string' ? message : undefined,
    code: typeof code === 'number' ? code : undefined,
    retryAfterSeconds: typeof after === 'number' ? after : undefined,
  };
}

/**
 * @param status of the HTTP answer or of an ERROR event
 * @param body parsed, if possible
 * @param retryAfter the header, in seconds; the HTTP date form is not used by the API server
 */
export function errorOfStatus(subject: Subject, status: number, body: unknown, retryAfter?: string): KubeError {
  const { reason, message, retryAfterSeconds } = readStatus(body);
  const seconds = retryAfter !== undefined && /^\d{1,6}$/.test(retryAfter) ? Number(retryAfter) : retryAfterSeconds;
  const redirect = status >= 300 && status < 400;
  const refusal = refusalOf(status, message ?? '');
  return new KubeError({
    ...subject,
    code: codeOf(status, reason),
    status,
    reason,
    detail: redirect ? 'the answer is a redirect, which is not followed' : detailOf(subject, reason, message),
    retryAfterMs: seconds === undefined ? undefined : Math.min(seconds, MAX_RETRY_AFTER_SECONDS) * 1000,
    maybeApplied: status >= 500 && refusal === undefined,
    refusal,
  });
}

/** A failure without an answer: refused, reset, bad certificate. The error has only its code. */
export function errorOfFailure(subject: Subject, error: unknown): KubeError {
  const code = codeOfFailure(error);
  const maybeApplied = !NOT_SENT.has(code) && !isTlsFailure(code);
  const late = code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT';
  return new KubeError({ ...subject, code: late ? 'Timeout' : 'Unreachable', detail: code, maybeApplied });
}

function codeOfFailure(error: unknown): string {
  if (!(error instanceof Error)) return 'failed';
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : error.name;
}

/** The handshake failed, so no request was sent. */
function isTlsFailure(code: string): boolean {
  return code.startsWith('ERR_TLS') || code.startsWith('ERR_SSL') || /CERT|SIGNATURE/.test(code);
}

function detailOf(subject: Subject, reason: string | undefined, message: string | undefined): string | undefined {
  return subject.resource.startsWith('secrets') ? reason : (message ?? reason);
}

function codeOf(status: number, reason: string | undefined): KubeErrorCode {
  switch (status) {
    case 401:
      return 'Unauthorized';
    case 403:
      return 'Forbidden';
    case 404:
      return 'NotFound';
    case 409:
      return reason === 'AlreadyExists' ? 'AlreadyExists' : 'Conflict';
    case 410:
      return 'Gone';
    case 422:
      return 'Invalid';
    case 429:
      return 'TooManyRequests';
    case 504:
      return 'Timeout';
    default:
      return status >= 400 && status < 500 ? 'BadRequest' : 'ServerError';
  }
}
