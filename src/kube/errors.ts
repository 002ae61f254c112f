/**
 * The only error of this directory. Its text is for people and safe for logs and conditions: it has no request body and
 * no header. For Secrets it has no part of the API server's own message, because a validation message quotes values.
 */
import { oneLine } from './printable.ts';

export type KubeErrorCode =
  | 'BadRequest'
  | 'Unauthorized'
  | 'Forbidden'
  | 'NotFound'
  | 'AlreadyExists'
  | 'Conflict'
  | 'Gone'
  | 'Invalid'
  | 'TooManyRequests'
  | 'ServerError'
  /** No answer in time. */
  | 'Timeout'
  /** No answer: not connected, or the connection broke. */
  | 'Unreachable';

/** What a call was about. */
export interface Subject {
  readonly verb: string;
  /** Plural, with the subresource if any: `pods/eviction`. */
  readonly resource: string;
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
}

/** Why the API server refused a call, if that can be recognized. */
export type RefusalCause =
  /** The caller lacks a right. */
  | 'Rights'
  /** A ResourceQuota is used up. */
  | 'Quota'
  /** A ValidatingAdmissionPolicy or an admission webhook denies it, or the webhook cannot be asked. */
  | 'Admission'
  /** More than one PodDisruptionBudget selects the pod: the API server evicts no such pod. */
  | 'Budgets'
  /** The object would be larger than the API server accepts. */
  | 'TooLarge'
  /** The namespace is being deleted. */
  | 'Terminating'
  /** The object is not valid, or the request is not. */
  | 'Invalid';

export interface KubeRefusal {
  readonly cause: RefusalCause;
  /**
   * The name of the quota, policy or webhook. It is safe to show, because only the API server writes that part of its
   * message.
   */
  readonly by?: string;
}

export interface KubeErrorOptions extends Subject {
  readonly code: KubeErrorCode;
  readonly status?: number | undefined;
  /** The API server's reason, such as `AlreadyExists` or `Expired`. */
  readonly reason?: string | undefined;
  readonly detail?: string | undefined;
  readonly retryAfterMs?: number | undefined;
  readonly maybeApplied?: boolean | undefined;
  readonly refusal?: KubeRefusal | undefined;
}

/** A call to the API server that failed, or whose result is unknown. */
export class KubeError extends Error {
  override readonly name = 'KubeError';
  readonly code: KubeErrorCode;
  readonly verb: string;
  readonly resource: string;
  readonly namespace: string | undefined;
  /** Name of the object; `name` is the name of the error class. */
  readonly objectName: string | undefined;
  readonly status: number | undefined;
  readonly reason: string | undefined;
  readonly retryAfterMs: number | undefined;
  /**
   * Whether a failed write may have happened: the answer was lost, late, or from a gateway. The caller must read again
   * before it does anything else.
   */
  readonly maybeApplied: boolean;
  /** Set if nothing was done, and the same call will be refused until somebody changes something. */
  readonly refusal: KubeRefusal | undefined;

  constructor(options: KubeErrorOptions) {
    super(messageOf(options));
    this.code = options.code;
    this.verb = options.verb;
    this.resource = options.resource;
    this.namespace = options.namespace;
    this.objectName = options.name;
    this.status = options.status;
    this.reason = options.reason;
    this.retryAfterMs = options.retryAfterMs;
    this.maybeApplied = options.maybeApplied ?? false;
    this.refusal = options.refusal;
  }
}

/** @returns whether the error is a KubeError with one of the codes */
export function isKubeError(error: unknown, ...codes: readonly KubeErrorCode[]): error is KubeError {
  return error instanceof KubeError && (codes.length === 0 || codes.includes(error.code));
}

function messageOf(options: KubeErrorOptions): string {
  const { verb, resource, namespace, name, code, status, detail } = options;
  const subject = name === undefined ? resource : `${resource}/${name}`;
  const where = namespace === undefined ? '' : ` in ns ${namespace}`;
  const number = status === undefined ? '' : ` (${status})`;
  const text = detail === undefined || detail === '' || detail === code ? '' : `: ${printable(detail)}`;
  return `${verb} ${subject}${where}: ${code}${number}${text}`;
}

/** Bounds the length, so that an answer of a server cannot flood a log. */
function printable(text: string): string {
  const line = oneLine(text.slice(0, 1024));
  return line.length > 512 ? `${line.slice(0, 512)}…` : line;
}
