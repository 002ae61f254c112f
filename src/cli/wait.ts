/**
 * Waits until a rotation that was asked for is over, and tells meanwhile where it is.
 */
import type { JwtKeyRotation } from '../rotation/names.ts';
import type { Operations } from '../rotation/operations.ts';
import { conditionOf } from './status.ts';
import { CommandError, EXIT, type Terminal } from './terminal.ts';

/**
 * @param what is waited for, for people
 * @param look undefined as long as it is not over
 * @param timeoutMs 0: for ever
 * @throws CommandError notReady when the time is over: nothing was taken back
 */
export async function waitFor<T>(
  operations: Operations,
  terminal: Terminal,
  name: string,
  what: string,
  look: (resource: JwtKeyRotation) => T | undefined,
  timeoutMs: number,
): Promise<T> {
  const progress = teller(terminal);
  const signal = timeoutMs === 0 ? new AbortController().signal : AbortSignal.timeout(timeoutMs);
  const found = await operations.follow(
    name,
    (resource) => {
      progress(resource);
      return look(resource);
    },
    signal,
  );
  if (found !== undefined) return found;
  const message = `${what} is not over after ${timeoutMs / 1000} s; it goes on: kubectl rekey status ${name} -n ${operations.namespace}`;
  throw new CommandError(message, EXIT.notReady);
}

/** @returns tells where it is, when that has changed */
function teller(terminal: Terminal): (resource: JwtKeyRotation) => void {
  let last = '';
  return (resource) => {
    const ready = conditionOf(resource, 'Ready');
    const held = ready?.status === 'False' && ready.reason !== 'Burning';
    const message = held ? `${ready.reason}: ${ready.message}` : (conditionOf(resource, 'Rotating')?.message ?? '');
    const line = `${resource.status?.phase ?? 'Pending'}: ${message}`;
    if (line === last) return;
    last = line;
    terminal.tell(`${new Date(terminal.now()).toISOString().slice(11, 19)}  ${line}\n`);
  };
}
