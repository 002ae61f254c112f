/**
 * Waits until what was asked for is over, and tells meanwhile where it is.
 */
import type { JwtKeyRotation } from '../rotation/api/names.ts';
import type { Operations } from '../rotation/people/operations.ts';
import { oneLine } from '../rotation/people/text.ts';
import { watchLeader } from './leader.ts';
import { conditionOf } from './status.ts';
import { CommandError, EXIT, type Terminal } from './terminal.ts';

/** An operator that runs takes up a request at once. */
const SILENCE_MS = 15_000;

export interface Wait {
  readonly name: string;
  /** For people: "the rotation of shop-jwt". */
  readonly what: string;
  /** 0: for ever. */
  readonly timeoutMs: number;
  /** Before each line. */
  readonly prefix?: string;
}

/**
 * @param look undefined as long as it is not over
 * @throws CommandError notReady when the time is over: nothing was taken back
 */
export async function waitFor<T>(
  operations: Operations,
  terminal: Terminal,
  { name, what, timeoutMs, prefix = '' }: Wait,
  look: (resource: JwtKeyRotation) => T | undefined,
): Promise<T> {
  const tell = (text: string) => terminal.tell(`${timeOfDay(terminal.now())}  ${prefix}${oneLine(text)}\n`);
  // where something stands in the way, that was said
  const hint =
    'nothing has changed since the request: check that the operator is running and has rights in this namespace';
  const silence = operations.later(() => isQuiet && tell(hint), SILENCE_MS);
  let isQuiet = true;
  let leader: (() => void) | undefined;
  let last: string | undefined;
  try {
    const found = await operations.follow(
      name,
      (resource) => {
        leader ??= watchLeader(operations, terminal, resource, tell);
        const line = progressOf(resource);
        isQuiet = hindranceOf(resource) === undefined;
        if (last !== undefined) silence.cancel();
        if (line !== last) tell(line);
        last = line;
        return look(resource);
      },
      timeoutMs,
    );
    if (found !== undefined) return found;
  } finally {
    leader?.();
    silence.cancel();
  }
  const rest = `kubectl rekey status ${name} -n ${operations.namespace}`;
  const message = `${what} has not ended after ${timeoutMs / 1000} s; ${isQuiet ? 'it continues' : `it is waiting (${last})`}: ${rest}`;
  throw new CommandError(message, EXIT.notReady);
}

/** What is waited for; where something stands in the way, that. */
function progressOf(resource: JwtKeyRotation): string {
  const message = hindranceOf(resource) ?? conditionOf(resource, 'Rotating')?.message ?? '';
  return `${resource.status?.phase ?? 'Pending'}: ${message}`;
}

/** @returns what stands in the way, as far as the operator has told */
export function hindranceOf(resource: JwtKeyRotation): string | undefined {
  const ready = conditionOf(resource, 'Ready');
  const usual = ready === undefined || ['Steady', 'RotationInProgress', 'Burning', 'Pending'].includes(ready.reason);
  return usual ? undefined : `${ready.reason}: ${ready.message}`;
}

function timeOfDay(at: number): string {
  return new Date(at).toISOString().slice('yyyy-mm-ddT'.length, 'yyyy-mm-ddThh:mm:ss'.length);
}
