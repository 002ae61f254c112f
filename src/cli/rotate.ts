/**
 * `rotate` and `abort`: one value in an annotation, and the end of what it leads to.
 */
import type { JwtKeyRotation } from '../rotation/names.ts';
import { ASK, type Operations } from '../rotation/operations.ts';
import type { JwtKeyRotationStatus } from '../rotation/types.ts';
import type { HistoryEntry } from './history.ts';
import { CommandError, EXIT, type Exit, type Terminal } from './terminal.ts';
import { waitFor } from './wait.ts';

export interface Waiting {
  readonly wait: boolean;
  /** Milliseconds; 0 for ever. */
  readonly timeout: number;
}

/** Asks for a rotation of each; with `wait` one after the other is followed to its end, while all go on. */
export async function rotate(
  operations: Operations,
  terminal: Terminal,
  names: readonly string[],
  { wait, timeout }: Waiting,
): Promise<Exit> {
  const at = new Date(terminal.now()).toISOString();
  for (const name of names) {
    await operations.ask(name, ASK.rotate(at));
    terminal.print(`${name}: a rotation was asked for\n`);
  }
  if (!wait) return EXIT.done;
  const over = ({ lastHandledRotateAt }: JwtKeyRotationStatus) => lastHandledRotateAt === at;
  const ends: Exit[] = [];
  for (const name of names) ends.push(await end(operations, terminal, name, over, 'Completed', timeout));
  return ends.find((exit) => exit !== EXIT.done) ?? EXIT.done;
}

/** Before promote the new key leaves, after it the old one signs again; neither refuses a token. */
export async function abort(
  operations: Operations,
  terminal: Terminal,
  name: string,
  { wait, timeout }: Waiting,
): Promise<Exit> {
  const { status } = await operations.get(name);
  if (status?.phase === 'Burning' || status?.phase === 'Switching')
    throw new CommandError(`${name} is in the phase ${status.phase}, from which there is no way back`, EXIT.failed);
  const at = new Date(terminal.now()).toISOString();
  await operations.ask(name, ASK.abort(at));
  terminal.print(`${name}: the end of its rotation was asked for\n`);
  if (!wait) return EXIT.done;
  return end(operations, terminal, name, ({ lastHandledAbortAt }) => lastHandledAbortAt === at, 'Aborted', timeout);
}

async function end(
  operations: Operations,
  terminal: Terminal,
  name: string,
  handled: (status: JwtKeyRotationStatus) => boolean,
  wanted: 'Completed' | 'Aborted',
  timeout: number,
): Promise<Exit> {
  const isOver = ({ status }: JwtKeyRotation) => status?.phase === 'Steady' && handled(status);
  const look = (resource: JwtKeyRotation) => (isOver(resource) ? resource : undefined);
  const { status } = await waitFor(operations, terminal, name, `the rotation of ${name}`, look, timeout);
  const entry = status?.history?.[0];
  terminal.print(`${name}: ${endText(entry)}\n`);
  const outcome = entry?.outcome ?? wanted;
  const fits = wanted === 'Completed' ? outcome === 'Completed' : outcome !== 'Completed';
  return fits ? EXIT.done : EXIT.failed;
}

function endText(entry: HistoryEntry | undefined): string {
  if (entry === undefined) return 'over; spec keeps no history of how';
  const { outcome, from, to, failure } = entry;
  return outcome === 'Completed' ? `Completed: ${from} → ${to}` : `${outcome}: ${from} signs as before (${failure})`;
}
