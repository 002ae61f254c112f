/**
 * Requests that no rotation has begun for: what waits, and `withdraw`, which takes it back.
 */

import { type JwtKeyRotation, REQUEST, requestText } from '../rotation/api/names.ts';
import type { Wanted } from '../rotation/facts.ts';
import { ASK } from '../rotation/people/asking.ts';
import type { Operations } from '../rotation/people/operations.ts';
import { isAtRest } from '../rotation/people/preview.ts';
import { oneLine } from '../rotation/people/text.ts';
import { pauseOf } from '../rotation/requests/pause.ts';
import { pendingIn } from '../rotation/requests/requests.ts';
import { ask } from './leader.ts';
import { CommandError, EXIT, type Exit, type Terminal } from './terminal.ts';

/** @returns such as `rekey.dev/rotate-requested-at is 2026-11-25T04:26:17Z, asked for by alice` */
export function wantedText({ reason, actor }: Pick<Wanted, 'reason' | 'actor'>): string {
  return oneLine(`${reason}, asked for by ${actor}`);
}

/** @returns what a request waits for that was made just now; empty if it begins at once, as far as the status tells */
export function queueText(resource: JwtKeyRotation): string {
  const { status } = resource;
  const { name } = resource.metadata;
  const ending = endingText(resource);
  if (isAtRest(status)) return ending;
  const { rotation, phase } = status ?? {};
  const what = rotation === undefined ? '' : `: ${wantedText(rotation)}`;
  const before = status?.queued?.length ? '; one was queued already, and one rotation serves both' : '';
  return [
    `${name}: it is queued behind the rotation under way (${phase}${what}) and begins when that has ended${before}\n`,
    `${name}: kubectl rekey withdraw ${name} takes it back\n`,
    ending,
  ].join('');
}

/** Whoever goes back, or takes back, does not know yet of what comes now. */
function endingText({ metadata: { name, annotations = {} }, status }: JwtKeyRotation): string {
  const isOpen = (value: string | undefined, served: string | undefined) =>
    value !== undefined && value !== '' && value !== served;
  const open = [
    ...(isOpen(annotations[REQUEST.abortAt], status?.lastHandledAbortAt) ? ['an abort'] : []),
    ...(isOpen(annotations[REQUEST.withdrawAt], status?.lastHandledWithdrawAt) ? ['a withdrawal'] : []),
  ];
  if (open.length === 0) return '';
  return `${name}: ${open.join(' and ')} that was asked for before is not served yet, and ends this request too if it comes first: ask again then\n`;
}

/** Takes back all that waits; what has begun goes on. It waits until that is certain, which takes a moment. */
export async function withdraw(
  operations: Operations,
  terminal: Terminal,
  name: string,
  { timeout }: { readonly timeout: number },
): Promise<Exit> {
  const resource = await operations.get(name);
  const waiting = pendingIn(resource);
  if (waiting.length === 0) throw new CommandError(`${name}: no request waits${abortHint(resource)}`, EXIT.failed);
  const asked = await ask(operations, terminal, name, ASK.withdraw(new Date(terminal.now()).toISOString()));
  if (pauseOf(asked) !== undefined) {
    const told = `is paused: what waits is taken back when that ends, before anything begins`;
    terminal.print(`${name}: ${told}\n`);
    return EXIT.done;
  }
  const settled = (current: JwtKeyRotation) => {
    const left = pendingIn(current);
    return waiting.some(({ reason }) => left.some((other) => other.reason === reason)) ? undefined : current;
  };
  const after = await operations.follow(name, settled, timeout);
  if (after === undefined) {
    const message = `${name}: not taken back after ${timeout / 1000} s. It will be before anything begins: does the operator run? kubectl rekey status ${name}`;
    throw new CommandError(message, EXIT.notReady);
  }
  const fates = waiting.map((wanted) => ({ wanted, fate: fateOf(wanted, after) }));
  for (const { wanted, fate } of fates) terminal.print(`${name}: ${fate}: ${wantedText(wanted)}\n`);
  return fates.every(({ fate }) => fate === WITHDRAWN) ? EXIT.done : EXIT.failed;
}

const WITHDRAWN = 'taken back';

function fateOf({ trigger, reason }: Wanted, resource: JwtKeyRotation): string {
  const { lastWithdrawnRotateAt = '', withdrawnForceReason, lastHandledRotateAt = '' } = resource.status ?? {};
  const { observedForceReason } = resource.status ?? {};
  const isForced = trigger === 'ForceRotation';
  const withdrawn = isForced ? withdrawnForceReason : requestText(REQUEST.rotateAt, lastWithdrawnRotateAt);
  if (withdrawn === reason) return WITHDRAWN;
  const begun = isForced ? observedForceReason : requestText(REQUEST.rotateAt, lastHandledRotateAt);
  if (begun !== reason) return 'not taken back, since somebody has put another request in its place';
  return `not taken back, since it has begun${abortHint(resource)}`;
}

function abortHint({ metadata, status }: JwtKeyRotation): string {
  return isAtRest(status) ? '' : `; the rotation under way is ended by kubectl rekey abort ${metadata.name}`;
}
