/**
 * Sends canaries to services by URL, with the sender of the operator.
 */
import { randomInt } from 'node:crypto';
import { CanarySender } from '../rotation/secret/canary-sender.ts';
import { claimsOf, formOf } from '../rotation/settings/canary-settings.ts';
import { systemClock } from '../runtime/clock.ts';
import type { Asker } from './witness.ts';

/**
 * @returns an asker that opens a new connection for each token, and asks about the keys in an order of chance: whoever
 *   shares a port among processes, by chance or in turn, then gives each of them its share of each key
 */
export function newAsker(): Asker {
  const sender = new CanarySender(systemClock, 'fresh');
  return {
    ask: async (url, written, { keys, ...question }, { algorithm, clockSkewMs, canaryClaims }) => {
      const tokens = { algorithm, clockSkewMs, claims: claimsOf(canaryClaims) };
      const asked = { ...question, keys: new Map(shuffled([...keys])) };
      const inquiry = { ...asked, url, form: formOf(written), tokens, ready: true, before: undefined };
      const probe = await sender.probe(inquiry, systemClock.now);
      const answers = [...keys.keys()].map((kid) => [kid, probe.answers.get(kid) ?? 'unknown'] as const);
      return { ...probe, answers: new Map(answers) };
    },
    close: () => sender.close(),
  };
}

function shuffled<T>(items: readonly T[]): readonly T[] {
  return items.reduce<readonly T[]>((done, item) => done.toSpliced(randomInt(done.length + 1), 0, item), []);
}
