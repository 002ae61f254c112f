/**
 * Waits until the request is over, and reports its progress.
 */
import { defined } from '../base/objects.ts';
import type { JwtKeyRotation } from '../rotation/api/names.ts';
import type { Operations } from '../rotation/people/operations.ts';
import { hindranceOf } from './hindrance.ts';
import { watchLeader } from './leader.ts';
import type { Progress } from './live/progress.ts';
import { rekeyCommand } from './pasted.ts';
import { CommandError, EXIT } from './terminal.ts';

/** An operator that runs takes up a request at once. */
const SILENCE_MS = 15_000;
const UNCHANGED = 'nothing has changed since the request';
const SILENT = `${UNCHANGED}: check that the operator is running and has rights in this namespace`;

export interface Wait<T> {
  readonly name: string;
  /** For people: "the rotation of shop-jwt". */
  readonly what: string;
  /** 0: for ever. */
  readonly timeoutMs: number;
  /** Whether it has ended as it was meant to. */
  readonly isGood: (end: T) => boolean;
  /** Nobody has asked for anything: that nothing changes is no sign. */
  readonly isIdle?: boolean;
  /** @returns that it has not begun, if that is so, and what to do */
  readonly unbegun?: (resource: JwtKeyRotation) => string | undefined;
}

/**
 * @param look undefined as long as it is not over
 * @throws CommandError notReady when the time is over, interrupted at Ctrl-C: nothing was taken back
 */
export async function waitFor<T>(
  operations: Operations,
  progress: Progress,
  { name, what, timeoutMs, isGood, isIdle = false, unbegun }: Wait<T>,
  look: (resource: JwtKeyRotation) => T | undefined,
): Promise<T> {
  const watched = watching(operations, progress, { name, isIdle, ...defined({ unbegun }) });
  const see = (resource: JwtKeyRotation) => {
    watched.see(resource);
    return look(resource);
  };
  let found: T | undefined;
  try {
    found = await operations.follow(name, see, timeoutMs, progress.signal);
  } catch (error) {
    if (!progress.signal.aborted) throw error;
    const begun = watched.resting() === undefined ? `${what} goes on` : `${what}: ${watched.resting()}`;
    const still = isIdle ? `you do not watch ${name} any more` : begun;
    throw new CommandError(watchAgain(operations, progress, name, still), EXIT.interrupted);
  } finally {
    watched.end();
    progress.end(name, found === undefined ? undefined : isGood(found));
  }
  if (found !== undefined) return found;
  const message = `${what} has not ended after ${timeoutMs / 1000} s; ${watched.standing()}. To see it: ${statusOf(operations, name)}`;
  throw new CommandError(message, EXIT.notReady);
}

interface Watching {
  readonly see: (resource: JwtKeyRotation) => void;
  /** Where it stands. */
  readonly standing: () => string;
  /** Why nobody does anything about it, as far as that is known. */
  readonly resting: () => string | undefined;
  readonly end: () => void;
}

/** Tells of each change, of an operator that does not answer, and of one that does not lead. */
function watching(
  operations: Operations,
  progress: Progress,
  { name, isIdle = false, unbegun }: Pick<Wait<unknown>, 'name' | 'isIdle' | 'unbegun'>,
): Watching {
  let changes = 0;
  let notBegun: string | undefined;
  let unled: string | undefined;
  let hindrance: string | undefined;
  let leader: (() => void) | undefined;
  // where something stands in the way, that was said
  const isSilent = () => !isIdle && hindrance === undefined;
  const silence = operations.later(() => isSilent() && progress.note(name, SILENT), SILENCE_MS);
  const report = (text: string, isLed: boolean) => {
    unled = isLed ? undefined : text;
    note(progress, name, text, isLed);
  };
  const resting = () => [notBegun, unled].filter((text) => text !== undefined).join('; ') || undefined;
  const goesOn = () => (changes < 2 ? UNCHANGED : 'it continues');
  return {
    resting,
    standing: () => resting() ?? (hindrance === undefined ? goesOn() : `in the way: ${hindrance}`),
    see: (resource) => {
      hindrance = hindranceOf(resource);
      notBegun = unbegun?.(resource);
      progress.look(name, resource);
      leader ??= watchLeader(operations, progress.terminal, resource, report);
      changes += 1;
      if (changes !== 2) return;
      silence.cancel();
      progress.note(name, undefined);
    },
    end: () => {
      leader?.();
      silence.cancel();
    },
  };
}

function note(progress: Progress, name: string, text: string, isLed: boolean): void {
  progress.note(name, isLed ? undefined : text);
  if (isLed) progress.terminal.printErr(`${text}\n`);
}

function statusOf({ namespace }: Operations, name: string, flags?: string): string {
  return rekeyCommand('status', { metadata: { name, namespace } }, flags);
}

function watchAgain(operations: Operations, progress: Progress, name: string, what: string): string {
  const where = progress.where(name);
  const again = `To see it again: ${statusOf(operations, name, '-w')}`;
  return `${what}${where === undefined ? '' : ` (${where})`}. ${again}`;
}
