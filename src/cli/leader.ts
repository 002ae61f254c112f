/**
 * Whether an operator leads: without one, what people ask for is kept and not done.
 */

import type { JwtKeyRotation } from '../rotation/api/names.ts';
import type { Patch } from '../rotation/people/asking.ts';
import { type Leadership, leaseName } from '../rotation/people/leadership.ts';
import type { Operations } from '../rotation/people/operations.ts';
import { when } from './output.ts';
import { clusterFlags } from './pasted.ts';
import type { Terminal } from './terminal.ts';

/** While something is followed it is looked again after this, milliseconds: less than a Lease lasts. */
const LOOK_MS = 10_000;

/** Asks, and says at once if nobody is there to do it. */
export async function ask(
  operations: Operations,
  terminal: Terminal,
  name: string,
  patch: Patch,
): Promise<JwtKeyRotation> {
  const resource = await operations.ask(name, patch);
  const leadership = await operations.leadership(resource);
  const isUnseen = leadership.kind === 'Unknown' && resource.status?.operator === undefined;
  if (leadership.kind === 'Nobody') terminal.printErr(`${name}: ${nobodyText(leadership, resource, terminal.now())}\n`);
  if (isUnseen) terminal.printErr(`${name}: no operator has reconciled it yet, and ${unknownText(leadership)}\n`);
  return resource;
}

/** For the table of `status`. */
export function operatorText(leadership: Leadership, resource: JwtKeyRotation, now: number): string {
  const look = resource.status?.operator?.lastLookTime;
  const looked = look === undefined ? 'it has not reconciled this resource yet' : `it last reported ${when(look, now)}`;
  switch (leadership.kind) {
    case 'Led':
      return `${leadership.holder} leads; ${looked}`;
    case 'Nobody':
      return nobodyText(leadership, resource, now);
    case 'Unknown':
      return `${unknownText(leadership)}; ${looked}`;
  }
}

function unknownText({ why }: Extract<Leadership, { readonly kind: 'Unknown' }>): string {
  return `it is not known whether one is running (${why})`;
}

/** @returns that no operator leads, since when, and where to look */
export function nobodyText(
  { since }: Extract<Leadership, { readonly kind: 'Nobody' }>,
  resource: JwtKeyRotation,
  now: number,
): string {
  const lease = leaseName(resource);
  const [namespace] = lease.split('/');
  const time = since === undefined ? '' : ` since ${when(new Date(since).toISOString(), now)}`;
  return `NO OPERATOR LEADS${time} (Lease ${lease}): requests wait until one runs again; check kubectl get pods -n ${namespace}${clusterFlags()}`;
}

/**
 * Reports when nobody leads, and when somebody leads again.
 *
 * @param report gets a sentence, and whether somebody leads
 * @returns how to stop it
 */
export function watchLeader(
  operations: Operations,
  { now }: Pick<Terminal, 'now'>,
  resource: JwtKeyRotation,
  report: (text: string, isLed: boolean) => void,
): () => void {
  let kind: Leadership['kind'] | undefined;
  let stop = () => {};
  let ended = false;
  const look = async () => {
    const leadership = await operations.leadership(resource);
    if (ended) return;
    const before = kind;
    kind = leadership.kind;
    if (leadership.kind === 'Nobody' && before !== 'Nobody') report(nobodyText(leadership, resource, now()), false);
    if (leadership.kind === 'Led' && before === 'Nobody') report(`an operator leads again: ${leadership.holder}`, true);
    const timer = operations.later(() => void look(), LOOK_MS);
    stop = () => timer.cancel();
  };
  void look();
  return () => {
    ended = true;
    stop();
  };
}
