/**
 * What an answer means for the token. A status that was not declared means nothing, and an answer that cannot be read
 * is unknown.
 */
import { isDeepStrictEqual } from 'node:util';
import type { Answer } from '../facts.ts';
import type { AnswerMeaning, Check } from '../settings/canary-settings.ts';

/** The answer to one request. */
export interface HttpAnswer {
  readonly status: number;
  /** Undefined if it is longer than the limit. */
  readonly body: string | undefined;
}

/** What an answer means, and its description for people: `it answered 429`. */
export interface Reading {
  readonly answer: Answer;
  readonly said: string;
}

/** @returns what the answer means, without a part of the body, which may hold anything */
export function readAnswer({ status, body }: HttpAnswer, meaning: AnswerMeaning): Reading {
  const byStatus = answerOf(status, meaning);
  const said = `it answered ${status}`;
  if (byStatus !== 'accepted' || meaning.response === undefined) return { answer: byStatus, said };
  if (body === undefined) return { answer: 'unknown', said: `${said}, with a body that is too long to be read` };
  const document = parsed(body);
  if (document === undefined) return { answer: 'unknown', said: `${said}, with a body that is not JSON` };
  const { accepted, refused } = meaning.response;
  const isAccepted = matches(document.value, accepted);
  const isRefused = refused !== undefined && matches(document.value, refused);
  if (isAccepted && !isRefused) return { answer: 'accepted', said: `${said}, and ${accepted.pointer} means accepted` };
  if (isRefused && !isAccepted) return { answer: 'refused', said: `${said}, and ${refused.pointer} means refused` };
  const pointers = [accepted, ...(refused === undefined ? [] : [refused])].map(({ pointer }) => pointer);
  const places = [...new Set(pointers)].map((pointer) => `${pointer} is ${shapeOf(valueAt(document.value, pointer))}`);
  const means = isAccepted ? 'both accepted and refused' : 'neither accepted nor refused';
  return { answer: 'unknown', said: `${said}, and its body means ${means}: ${places.join(', ')}` };
}

/** @returns what an HTTP status means for the token; 5xx and any status that was not declared mean nothing */
export function answerOf(status: number, { acceptStatuses, refuseStatuses }: Omit<AnswerMeaning, 'response'>): Answer {
  if (refuseStatuses.includes(status)) return 'refused';
  if (acceptStatuses.includes(status)) return 'accepted';
  if (status === 401) return 'refused';
  return status >= 200 && status < 300 ? 'accepted' : 'unknown';
}

function parsed(body: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(body) as unknown };
  } catch {
    return undefined;
  }
}

function matches(document: unknown, { pointer, value }: Check): boolean {
  const found = valueAt(document, pointer);
  return value === undefined ? found !== undefined && found !== null : isDeepStrictEqual(found, value);
}

/**
 * @param pointer JSON pointer (RFC 6901)
 * @returns undefined if there is nothing
 */
export function valueAt(document: unknown, pointer: string): unknown {
  const names = pointer.split('/').slice(1);
  return names.reduce<unknown>((value, escaped) => {
    const name = escaped.replaceAll('~1', '/').replaceAll('~0', '~');
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, name)) return undefined;
    if (Array.isArray(value) && !/^(?:0|[1-9][0-9]*)$/.test(name)) return undefined;
    return (value as Readonly<Record<string, unknown>>)[name];
  }, document);
}

/** Describes the type of a value, not the value itself, which may be private data. */
function shapeOf(value: unknown): string {
  if (value === undefined) return 'absent';
  if (value === null || typeof value === 'boolean') return String(value);
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `another ${typeof value}`;
}
