/**
 * `rotate` and `abort`: one value in an annotation, and the end of what it leads to. A rotation is known again by what its
 * history says of that value: another one may have begun, or an emergency may have come in between.
 */

import { type JwtKeyRotation, REQUEST, requestText } from '../rotation/api/names.ts';
import type { JwtKeyRotationStatus } from '../rotation/api/types.ts';
import { ASK } from '../rotation/people/asking.ts';
import type { Operations } from '../rotation/people/operations.ts';
import { isAtRest } from '../rotation/people/preview.ts';
import { oneLine } from '../rotation/people/text.ts';
import { DECLARE, unaskedText } from '../rotation/plan/unasked.ts';
import { pauseOf } from '../rotation/requests/pause.ts';
import { pendingIn } from '../rotation/requests/requests.ts';
import { drainText } from '../rotation/settings/drain.ts';
import { drainOf } from '../rotation/settings/settings.ts';
import { hindranceOf } from './hindrance.ts';
import type { HistoryEntry } from './history.ts';
import { ask } from './leader.ts';
import { openProgress } from './live/progress.ts';
import { rekeyCommand } from './pasted.ts';
import { queueText } from './queue.ts';
import { conditionOf, isSeen } from './status.ts';
import { attempt, CommandError, EXIT, type Exit, type Terminal, worst } from './terminal.ts';
import { type Wait, waitFor } from './wait.ts';
import { wantedText } from './wanted.ts';

export interface Waiting {
  readonly wait: boolean;
  /** Milliseconds; 0 for ever. */
  readonly timeout: number;
}

/** Asks for a rotation of each; with `wait` all are followed to their ends. One that fails holds up no other. */
export async function rotate(
  operations: Operations,
  raw: Terminal,
  names: readonly string[],
  { wait, timeout }: Waiting,
): Promise<Exit> {
  const at = new Date(raw.now()).toISOString();
  const following = { asked: { kind: 'Rotation' }, count: names.length } as const;
  const progress = wait ? await openProgress(operations, raw, following) : undefined;
  const terminal = progress?.terminal ?? raw;
  const one = async (name: string): Promise<Exit> => {
    const resource = await ask(operations, terminal, name, ASK.rotate(at));
    terminal.print(`${name}: rotation requested\n${queueText(resource)}`);
    tellBefore(terminal, name, resource);
    if (progress === undefined) return EXIT.done;
    const waiting: Wait<HistoryEntry> = { name, what: `the rotation of ${name}`, timeoutMs: timeout, isGood };
    const entry = await waitFor(operations, progress, waiting, rotationEnd(at));
    terminal.print(`${name}: ${endText(entry, resource)}\n`);
    return isGood(entry) ? EXIT.done : EXIT.failed;
  };
  return worst(await Promise.all(names.map((name) => attempt(terminal, () => one(name), `${name}: `))));
}

/** How long it takes, and what keeps it from starting. */
function tellBefore(terminal: Terminal, name: string, resource: JwtKeyRotation): void {
  const held = resource.spec.suspend || pauseOf(resource) !== undefined;
  const lasts = lastsText(resource);
  if (lasts !== undefined) terminal.printErr(`${name}: ${lasts}\n`);
  const unasked = resource.spec.strategy === 'Cutover' ? undefined : unaskedText(resource.spec.targets);
  if (unasked !== undefined) terminal.printErr(`${name}: ${unasked}. rekey cannot ask it: ${DECLARE}\n`);
  // a request does not wait for the back-off of the schedule
  const isIgnored = conditionOf(resource, 'Ready')?.reason === 'BackingOff';
  const hindrance = isSeen(resource) && !isIgnored ? hindranceOf(resource) : undefined;
  if (hindrance !== undefined && !held) terminal.printErr(`${name}: it cannot start yet: ${hindrance}\n`);
  if (held)
    terminal.printErr(
      `${name} is suspended or paused: it starts when it is resumed: ${rekeyCommand('resume', resource)}\n`,
    );
}

function isGood({ outcome }: HistoryEntry): boolean {
  return outcome === 'Completed';
}

/** Most of a rotation is this wait, and nothing hastens it. */
function lastsText({ spec }: JwtKeyRotation): string | undefined {
  if (spec.strategy === 'Cutover') return undefined;
  const unless = spec.strategy === 'Auto' && spec.allowCutover ? ', unless it has to cut over' : '';
  return `it takes the restarts plus ${drainText(drainOf(spec))}, in which the old key stays accepted after the last pod stopped signing with it${unless}`;
}

/** @returns looks for the end of the rotation that was asked for by this value */
export function rotationEnd(at: string) {
  const reason = requestText(REQUEST.rotateAt, at);
  let began = false;
  return ({ metadata, status = {} }: JwtKeyRotation): HistoryEntry | undefined => {
    const entry = status.history?.find((each) => each.reason === reason);
    if (entry !== undefined) return entry;
    if (status.lastWithdrawnRotateAt === at) {
      throw new CommandError('a withdrawal or an abort cancelled it before it started', EXIT.failed);
    }
    const handled = status.lastHandledRotateAt === at;
    began ||= handled;
    // another one has begun, or none is under way
    if (began && (!handled || isIdle(status))) {
      const message = 'it has ended, but its outcome is not known: the spec keeps too little history';
      throw new CommandError(message, EXIT.failed);
    }
    if (began || metadata.annotations?.[REQUEST.rotateAt] === at) return undefined;
    throw new CommandError('another rotation was requested before this one started', EXIT.failed);
  };
}

/** Where a person must settle something first, nothing is over. */
function isIdle(status: JwtKeyRotationStatus): boolean {
  return status.phase !== 'Degraded' && isAtRest(status);
}

/** Phases in which there is something to go back from. Degraded may be any of them. */
const ABORTABLE: readonly JwtKeyRotationStatus['phase'][] = ['Staging', 'Staged', 'Promoting', 'Draining', 'Degraded'];

/** @returns why there is nothing to go back from, as far as the status shows */
function unabortable(resource: JwtKeyRotation): string | undefined {
  const { phase = 'Unknown' } = resource.status ?? {};
  const { name } = resource.metadata;
  const takeBack = `to withdraw the request: ${rekeyCommand('withdraw', resource)}`;
  if (phase === 'Preflight') {
    return `${name} has not written anything yet; to hold it: ${rekeyCommand('suspend', resource)}; ${takeBack}`;
  }
  const waiting = pendingIn(resource).length === 0 ? '' : `; a request is waiting: ${takeBack}`;
  if (conditionOf(resource, 'Rotating')?.reason === 'RollingBack') return `${name} is already rolling back${waiting}`;
  if (ABORTABLE.includes(phase as JwtKeyRotationStatus['phase']) && !isAtRest(resource.status)) return undefined;
  return `${name} is in phase ${phase}: there is nothing to abort${waiting}`;
}

/**
 * Before promote the new key leaves, after it the old one signs again; neither refuses a token. What is queued ends with it, so that
 * nothing begins by itself when it is over.
 */
export async function abort(
  operations: Operations,
  terminal: Terminal,
  name: string,
  { wait, timeout }: Waiting,
): Promise<Exit> {
  const resource = await operations.get(name);
  const hindrance = unabortable(resource);
  if (hindrance !== undefined) throw new CommandError(hindrance, EXIT.failed);
  const at = new Date(terminal.now()).toISOString();
  await ask(operations, terminal, name, ASK.abort(at));
  terminal.print(`${name}: abort requested\n`);
  if (pauseOf(resource) !== undefined)
    terminal.printErr(`${name} is paused: the abort starts when it is resumed: ${rekeyCommand('resume', resource)}\n`);
  const isDue = Date.parse(resource.status?.nextRotationTime ?? '') <= terminal.now();
  if (isDue && !resource.spec.suspend) {
    terminal.print(
      `${name}: its schedule is due, so rekey tries again after a back-off; to prevent that: ${rekeyCommand('suspend', resource)}\n`,
    );
  }
  for (const wanted of pendingIn(resource)) {
    terminal.print(`${name}: the abort cancels this queued request too: ${wantedText(wanted)}\n`);
  }
  if (!wait) return EXIT.done;
  const progress = await openProgress(operations, terminal, { asked: { kind: 'Abort' }, count: 1 });
  const isBack = ({ outcome }: HistoryEntry) => outcome !== 'Interrupted';
  const waiting = { name, what: `the abort of ${name}`, timeoutMs: timeout, isGood: isBack };
  const entry = await waitFor(operations, progress, waiting, abortEnd(at));
  terminal.print(`${name}: ${endText(entry, resource)}\n`);
  return isBack(entry) ? EXIT.done : EXIT.failed;
}

/** @returns looks for the end of the rotation that this value has ended */
export function abortEnd(at: string) {
  const failure = requestText(REQUEST.abortAt, at);
  let began = false;
  return ({ metadata, status = {} }: JwtKeyRotation): HistoryEntry | undefined => {
    const entry = status.history?.find((each) => each.failure?.endsWith(failure) === true);
    if (entry !== undefined) return entry;
    began ||= status.lastHandledAbortAt === at;
    if (began && isIdle(status)) {
      throw new CommandError('there was nothing left to abort, or the spec keeps no history of it', EXIT.failed);
    }
    if (began || metadata.annotations?.[REQUEST.abortAt] === at) return undefined;
    throw new CommandError('another abort was requested with a different value', EXIT.failed);
  };
}

function endText({ outcome, from, to, failure }: HistoryEntry, resource: JwtKeyRotation): string {
  if (outcome === 'Completed') return oneLine(`Completed: ${from} → ${to}`);
  if (outcome === 'Interrupted') return `Interrupted by an emergency: ${rekeyCommand('status', resource)}`;
  return oneLine(`${outcome}: ${from} still signs (${failure ?? ''})`);
}
