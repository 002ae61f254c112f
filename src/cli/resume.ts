/**
 * `resume`: ends a pause and a suspension.
 */
import { ASK } from '../rotation/people/asking.ts';
import type { Operations } from '../rotation/people/operations.ts';
import { pauseOf } from '../rotation/requests/pause.ts';
import { pendingIn } from '../rotation/requests/requests.ts';
import { ask } from './leader.ts';
import { EXIT, type Exit, type Terminal } from './terminal.ts';
import { wantedText } from './wanted.ts';

/** Says what was ended, and what can start now. */
export async function resume(operations: Operations, terminal: Terminal, name: string): Promise<Exit> {
  const before = await operations.get(name);
  const ended = [
    ...(pauseOf(before) === undefined ? [] : ['the pause']),
    ...(before.spec.suspend ? ['the suspension'] : []),
  ];
  if (ended.length === 0) {
    terminal.print(`${name}: it is neither paused nor suspended; nothing was done\n`);
    return EXIT.done;
  }
  const resource = await ask(operations, terminal, name, ASK.resume());
  terminal.print(`${name}: resumed: ${ended.join(' and ')} ended\n`);
  for (const wanted of pendingIn(resource))
    terminal.print(`${name}: a waiting request can start now: ${wantedText(wanted)}\n`);
  return EXIT.done;
}
