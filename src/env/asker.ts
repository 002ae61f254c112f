/**
 * Sends canaries to services by URL, with the sender of the operator.
 */
import { CanarySender } from '../rotation/secret/canary.ts';
import { systemClock } from '../runtime/clock.ts';
import type { Asker } from './witness.ts';

const USUAL_STATUSES = { acceptStatuses: [], refuseStatuses: [] };

/** @returns an asker with connections of its own, until it is closed */
export function newAsker(): Asker {
  const sender = new CanarySender(systemClock);
  return {
    ask: (url, question, settings) =>
      sender.probe(
        { ...question, url, ready: true, statuses: USUAL_STATUSES, settings, before: undefined },
        systemClock.now,
      ),
    close: () => sender.close(),
  };
}
