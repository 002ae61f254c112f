/**
 * Requests that no rotation has begun for: what waits, and `withdraw`, which takes it back.
 */

import { type JwtKeyRotation, REQUEST, requestText } from '../rotation/api/names.ts';
import { ASK } from '../rotation/people/asking.ts';
import type { Operations } from '../rotation/people/operations.ts';
import { isAtRest } from '../rotation/people/preview.ts';
import { pauseOf } from '../rotation/requests/pause.ts';
import { pendingIn } from '../rotation/requests/requests.ts';
import type { Wanted } from '../rotation/wishes.ts';
import { hindranceOf } from './hindrance.ts';
import { ask } from './leader.ts';
import { rekeyCommand } from './pasted.ts';
import { isSeen } from './status.ts';
import { CommandError, EXIT, type Exit, type Terminal } from './terminal.ts';
import { wantedText } from './wanted.ts';

/** @returns what a request waits for that was made just now; empty if it begins at once, as far as the status shows */
export function queueText(resource: JwtKeyRotation): string {
  const { status } = resource;
  const { name } = resource.metadata;
  const ending = endingText(resource);
  if (isAtRest(status)) return ending;
  const { rotation, phase } = status ?? {};
  const what = rotation === undefined ? '' : `: ${wantedText(rotation)}`;
  const before = status?.queued?.length ? '; another request is already queued, and one rotation serves both' : '';
  return [
    `${name}: queued behind the rotation under way (${phase}${what}); it starts when that one ends${before}\n`,
    `${name}: to withdraw it: ${rekeyCommand('withdraw', resource)}\n`,
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
  return `${name}: an earlier request for ${open.join(' and ')} is still pending; if rekey handles it first, it cancels this request too: then ask again\n`;
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
  if (waiting.length === 0) throw new CommandError(`${name}: no request is waiting${abortHint(resource)}`, EXIT.failed);
  const asked = await ask(operations, terminal, name, ASK.withdraw(new Date(terminal.now()).toISOString()));
  if (pauseOf(asked) !== undefined) {
    const told = `is paused: when the pause ends, the waiting requests are withdrawn before any rotation starts`;
    terminal.print(`${name}: ${told}\n`);
    return EXIT.done;
  }
  let last = asked;
  const settled = (current: JwtKeyRotation) => {
    last = current;
    const left = pendingIn(current);
    return waiting.some(({ reason }) => left.some((other) => other.reason === reason)) ? undefined : current;
  };
  const after = await operations.follow(name, settled, timeout);
  if (after === undefined) {
    const message = `${name}: not withdrawn after ${timeout / 1000} s. rekey withdraws it before any rotation starts. ${whyNot(last)}: ${rekeyCommand('status', resource)}`;
    throw new CommandError(message, EXIT.notReady);
  }
  const fates = waiting.map((wanted) => ({ wanted, fate: fateOf(wanted, after) }));
  for (const { wanted, fate } of fates) terminal.print(`${name}: ${fate}: ${wantedText(wanted)}\n`);
  return fates.every(({ fate }) => fate === WITHDRAWN) ? EXIT.done : EXIT.failed;
}

/** Where something stands in the way, the operator has said so: it runs. */
function whyNot(resource: JwtKeyRotation): string {
  const hindrance = isSeen(resource) ? hindranceOf(resource) : undefined;
  return hindrance === undefined ? 'Check that the operator is running' : `In the way: ${hindrance}. To see it`;
}

const WITHDRAWN = 'withdrawn';

function fateOf({ trigger, reason }: Wanted, resource: JwtKeyRotation): string {
  const { lastWithdrawnRotateAt = '', withdrawnForceReason, lastHandledRotateAt = '' } = resource.status ?? {};
  const { observedForceReason } = resource.status ?? {};
  const isForced = trigger === 'ForceRotation';
  const withdrawn = isForced ? withdrawnForceReason : requestText(REQUEST.rotateAt, lastWithdrawnRotateAt);
  if (withdrawn === reason) return WITHDRAWN;
  const begun = isForced ? observedForceReason : requestText(REQUEST.rotateAt, lastHandledRotateAt);
  if (begun !== reason) return 'not withdrawn: another request has replaced it';
  return `not withdrawn: its rotation has started${abortHint(resource)}`;
}

function abortHint(resource: JwtKeyRotation): string {
  return isAtRest(resource.status) ? '' : `; to end the rotation under way: ${rekeyCommand('abort', resource)}`;
}
