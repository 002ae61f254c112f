/**
 * The rotation of one environment in words.
 */

import { PROBES } from '../../env/evidence.ts';
import type { View } from '../../env/session.ts';
import { drainOf, isGoingBack, type Loaded, type ServiceFacts } from '../../env/step.ts';
import { currentShape, type Keyset, keyIn, type Phase, secondsOf } from '../../rotation/keyset/keyset.ts';
import { formatDuration, iso } from '../../rotation/schedule/duration.ts';
import { columns } from '../output.ts';

/** What each phase means for whoever waits. */
const MEANING = {
  Steady: 'at rest',
  Staging: 'every service learns to accept the new key; the old one signs',
  Promoting: 'every service begins to sign with the new key; the old one is accepted',
  Draining: 'the new key signs; the old one is accepted until its last token has expired',
  Retiring: 'every service forgets the old key',
  Aborting: 'every service forgets the new key, which never signed',
  Switching: 'every service takes the new key, and refuses the tokens of the old one',
  Burning: 'every service takes the new key; the burnt ones may still be accepted',
} as const;

/** The same after a rollback. */
const MEANING_BACK: Readonly<Partial<Record<Phase, string>>> = {
  Promoting: 'every service begins to sign with the old key again; the new one is accepted',
  Draining: 'the old key signs again; the new one is accepted until its last token has expired',
  Retiring: 'every service forgets the new key',
};

/** @returns what its phase means for whoever waits */
export function meaningOf(keyset: Keyset): string {
  return (isGoingBack(keyset) ? MEANING_BACK[keyset.phase] : undefined) ?? MEANING[keyset.phase];
}

/** @returns the state of a rotation: what, who has followed, what is next */
export function viewText(view: View): string {
  const { environment, facts } = view;
  const { keyset, services } = facts;
  const { sign } = currentShape(keyset);
  const head = `${environment.name}  ${keyset.phase}: ${meaningOf(keyset)}\n`;
  const keys = keyset.keys
    .filter(({ state }) => state !== 'ack')
    .map(({ kid, state, fingerprint }) => [kid, state, fingerprint, kid === sign ? 'signs' : 'is accepted']);
  const rows = services.map((service) => [service.name, service.roles.join(', '), loadedText(service)]);
  const draining = keyIn(keyset, 'draining')?.lastSignerExit;
  const until =
    keyset.phase === 'Draining' && draining !== undefined
      ? `  ${leavingText(isGoingBack(keyset))} stays accepted until ${iso(draining + drainOf(facts))}\n`
      : '';
  return `${head}${columns(keys, '  ')}${columns(rows, '  ')}${until}`;
}

/**
 * @param back whether the old key signs again
 * @returns which key leaves
 */
export function leavingText(back: boolean): string {
  return back ? 'the new key' : 'the old key';
}

/** @returns what is known of a service and the newest version of its file */
export function loadedText({ loaded }: ServiceFacts): string {
  if (loaded.kind === 'Loaded') return LOADED[loaded.by];
  return loaded.why;
}

const LOADED: Readonly<Record<Extract<Loaded, { kind: 'Loaded' }>['by'], string>> = {
  Canary: `answered with it ${PROBES} times in a row, each time on new connections`,
  Command: 'taken to have loaded it: its reload command succeeded',
  Person: 'taken to have loaded it: somebody said that it was restarted',
};

/** @returns why an emergency cannot end, and what to do, if a service accepted a burnt key after its restart */
export function refutedText(
  { environment: { name }, facts: { keyset, services } }: View,
  program: string,
): { readonly why: string; readonly way: string } | undefined {
  const refuted = services.filter((service) => service.refuted);
  if (keyset.phase !== 'Burning' || refuted.length === 0) return undefined;
  const names = refuted.map((service) => service.name);
  const why = refuted.map((service) => `${service.name}: ${loadedText(service)}`).join('\n');
  const said = `${program} env continue ${name} --reloaded ${keyset.version} ${names.join(' ')}`;
  const mend = 'Find out where it takes that key from, and restart every process of it';
  const way = `${program} env continue cannot ask about burnt keys, since no file has them any more. ${mend}. rekey then takes your word: ${said}`;
  return { why, way };
}

/** @returns how the last rotation or emergency has ended; empty if there was none */
export function endText({ environment, facts: { keyset } }: View): string {
  const { rotation, emergency } = keyset;
  if (rotation?.trigger === 'Emergency' && emergency !== undefined) {
    const seconds = secondsOf(emergency);
    if (seconds === undefined) return '';
    const asked = `every burnt key was refused ${PROBES} times in a row by each service; a process that no connection has reached is not known`;
    const known = emergency.inferred === undefined ? `observed: ${asked}` : `inferred: ${emergency.inferred}`;
    const at = iso(emergency.goneAt ?? 0);
    return `${environment.name}: the emergency is over since ${at}, ${formatDuration(seconds * 1000)} after the fresh key was written (${known})\n`;
  }
  if (rotation?.outcome === undefined) return '';
  const why = rotation.failure === undefined ? '' : `: ${rotation.failure.message}`;
  const known = rotation.inferred === undefined ? '' : ` (inferred: ${rotation.inferred})`;
  return `${environment.name}: ${rotation.outcome}, ${rotation.from} → ${rotation.to}${known}${why}\n`;
}
