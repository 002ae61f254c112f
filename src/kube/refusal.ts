/**
 * Recognizes why the API server refused a call. It reads the server's message but does not pass it on, because for a
 * Secret it may quote a value. Patterns match from the beginning of the message, so that foreign text in it is not
 * mistaken for the API server's own.
 *
 * @see test/apiserver/refused-writes.test.ts for what a real API server answers
 */

import { defined } from '../base/objects.ts';
import type { KubeRefusal, RefusalCause } from './errors.ts';

const NAME = '[a-z0-9](?:[-a-z0-9.]{0,251}[a-z0-9])?';
/** `secrets "jwt" is forbidden: `; a create under a policy has no name in some versions. */
const OBJECT = '(?:[a-z0-9./]+ "[^"]{0,253}" is (?:forbidden|invalid): )?';
const TOO_LONG = /may not be (?:more than|longer than) \d+|must have at most \d+ bytes|: Too long: /;

const PATTERNS: readonly (readonly [RefusalCause, RegExp])[] = [
  ['Quota', new RegExp(`^${OBJECT}exceeded quota: (?<by>${NAME}), requested: `)],
  ['Admission', new RegExp(`^${OBJECT}ValidatingAdmissionPolicy '(?<by>${NAME})' with binding '`)],
  ['Admission', new RegExp(`^${OBJECT}admission webhook "(?<by>${NAME})" denied the request`)],
  ['Admission', new RegExp(`^(?:Internal error occurred: )?failed calling webhook "(?<by>${NAME})": `)],
  ['Terminating', new RegExp(`^${OBJECT}unable to create new content in namespace `)],
  ['Budgets', /^This pod has more than one PodDisruptionBudget/],
  ['TooLarge', /^(?:Internal error occurred: )?etcdserver: request is too large/],
  // only the API server's authorizer phrases it like this
  ['Rights', /^[a-z0-9./]+(?: "[^"]{0,253}")? is forbidden: User "/],
];

/**
 * @param status HTTP status
 * @param message the API server's own
 * @returns undefined if the refusal is not permanent: the same call may succeed the next time
 */
export function refusalOf(status: number, message: string): KubeRefusal | undefined {
  for (const [cause, pattern] of PATTERNS) {
    const found = pattern.exec(message);
    const by = found?.groups?.by;
    if (found !== null) return { cause, ...defined({ by }) };
  }
  switch (status) {
    case 403:
      return { cause: message === '' || message.includes(' is forbidden: User "') ? 'Rights' : 'Admission' };
    case 413:
      return { cause: 'TooLarge' };
    case 400:
    case 405:
    case 415:
      return { cause: 'Invalid' };
    case 422:
      return { cause: TOO_LONG.test(message) ? 'TooLarge' : 'Invalid' };
    default:
      return undefined;
  }
}
