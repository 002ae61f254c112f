/**
 * Sends canaries to services by URL, with the sender of the operator.
 */
import { CanarySender } from '../rotation/secret/canary-sender.ts';
import { claimsOf, formOf } from '../rotation/settings/canary-settings.ts';
import { systemClock } from '../runtime/clock.ts';
import type { Asker } from './witness.ts';

/** @returns an asker with connections of its own, until it is closed */
export function newAsker(): Asker {
  const sender = new CanarySender(systemClock);
  return {
    ask: (url, written, question, { algorithm, clockSkewMs, canaryClaims }) => {
      const tokens = { algorithm, clockSkewMs, claims: claimsOf(canaryClaims) };
      const inquiry = { ...question, url, form: formOf(written), tokens, ready: true, before: undefined };
      return sender.probe(inquiry, systemClock.now);
    },
    close: () => sender.close(),
  };
}
