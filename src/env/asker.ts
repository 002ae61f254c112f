/**
 * Sends canaries to services by URL, with the sender of the operator.
 */
import { shuffled } from '../base/chance.ts';
import type { Probe } from '../rotation/facts.ts';
import { CanarySender } from '../rotation/secret/canary-sender.ts';
import { claimsOf, formOf } from '../rotation/settings/canary-settings.ts';
import { systemClock } from '../runtime/clock.ts';
import type { Asker, Question } from './witness.ts';

/** Nothing is sent to a service for so long, if it asks to wait as long or longer. */
const MOST_PAUSE_MS = 300_000;

/** The end of a pause that a service has asked for, by the monotonic clock, and the probe with which it did. */
interface Pause {
  readonly until: number;
  readonly probe: Probe;
}

/**
 * @returns an asker that opens a new connection for each token, and asks about the keys in an order of chance: whoever
 *   shares a port among processes, by chance or in turn, then gives each of them its share of each key. Until a service
 *   that has asked to wait may be asked again, each probe of it is unknown, and sends nothing
 */
export function newAsker(): Asker {
  const sender = new CanarySender(systemClock, 'fresh');
  const pauses = new Map<string, Pause>();
  return {
    ask: async (url, written, { keys, ...question }, { algorithm, clockSkewMs, canaryClaims }) => {
      const pause = pauses.get(url);
      const leftMs = (pause?.until ?? 0) - systemClock.monotonic();
      if (pause !== undefined && leftMs > 0) return unasked(pause.probe, { keys, ...question }, leftMs);
      const tokens = { algorithm, clockSkewMs, claims: claimsOf(canaryClaims) };
      const asked = { ...question, keys: new Map(shuffled([...keys])) };
      const inquiry = { ...asked, url, form: formOf(written), tokens, ready: true, before: undefined };
      const probe = await sender.probe(inquiry, systemClock.now);
      const answers = [...keys.keys()].map((kid) => [kid, probe.answers.get(kid) ?? 'unknown'] as const);
      const pauseMs = Math.min(probe.pauseMs ?? 0, MOST_PAUSE_MS);
      pauses.set(url, { until: systemClock.monotonic() + pauseMs, probe });
      return { ...probe, answers: new Map(answers), ...(pauseMs > 0 && { pauseMs }) };
    },
    close: () => sender.close(),
  };
}

function unasked(probe: Probe, { keys, version }: Question, pauseMs: number): Probe {
  const answers = new Map([...keys.keys()].map((kid) => [kid, 'unknown'] as const));
  return { ...probe, version, answers, random: 'unknown', pauseMs };
}
