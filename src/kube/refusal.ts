/**
 * Why the API server refused a call. Its own message is read for that and not passed on: of a Secret it may quote a value.
 * Patterns begin where the message begins, so that nothing that somebody else has written is taken for the API server's word.
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
  ['TooLarge', /^(?:Internal error occurred: )?etcdserver: request is too large/],
  // the API server's authorizer, and no other, says it so
  ['Rights', /^[a-z0-9./]+(?: "[^"]{0,253}")? is forbidden: User "/],
];

/**
 * @param status of HTTP
 * @param message the API server's own
 * @returns undefined if it was not refused for good: the same call may go well the next time
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
