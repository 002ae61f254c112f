/**
 * One write, and what it has changed, in words.
 */
import type { Session, View } from '../../env/session.ts';
import { isGoingBack, SINGLE_KEY } from '../../env/step.ts';
import type { Keyset } from '../../rotation/keyset/keyset.ts';
import type { Write } from '../../rotation/keyset/writes.ts';
import type { Terminal } from '../terminal.ts';
import { reportBurnt, reportResidue } from './residue.ts';

/** What each write means, in words. */
export const WROTE = {
  adopt: 'every file has the same key that signs',
  stage: 'the new key is in every file: it is accepted, and the old one signs',
  promote: 'the new key signs in every file, and the old one is accepted',
  drain: 'no service is known to sign with the old key any more; its tokens expire',
  reopen: 'a service may have signed with the old key again; rekey waits again until it is gone',
  retire: 'the old key has left every file',
  finish: 'the rotation is over',
  abort: 'the new key has left every file; it never signed',
  rollback: 'the old key signs again in every file, and the new one is accepted',
  cutover: 'the new key is alone in every file: a service that restarts refuses every older token',
  burn: 'a fresh key is alone in every file: a service that restarts refuses every older token',
  extinguish: 'the emergency is over',
} as const satisfies Readonly<Partial<Record<Write['transition'], string>>>;

/** The same after a rollback. */
const WROTE_BACK: Readonly<Partial<Record<Write['transition'], string>>> = {
  drain: 'no service is known to sign with the new key any more; its tokens expire',
  reopen: 'a service may sign with the new key again',
  retire: 'the new key has left every file',
};

/**
 * Makes it.
 *
 * @param keyset what it starts from, where that is not what was looked at
 * @returns the files that have changed
 * @throws EnvError or FileError with no file changed
 */
export async function make(
  session: Session,
  terminal: Terminal,
  view: View,
  write: Write,
  keyset?: Keyset,
): Promise<readonly string[]> {
  const { files, left } = await session.write(view, write, keyset);
  // what a person has asked for is known to that person
  if (write.transition === 'abort' && write.failure.reason === SINGLE_KEY)
    terminal.printErr(`${write.failure.message}\n`);
  const { name } = view.environment;
  terminal.print(`${name}: ${write.transition}: ${wroteText(view, write)}\n`);
  if (files.length > 0) terminal.print(`  ${files.join(', ')}\n`);
  if (left !== undefined) terminal.printErr(`${left}\n`);
  if (write.transition === 'burn') await reportResidue(view.environment, terminal);
  if (write.transition === 'extinguish') {
    await reportBurnt(view.environment.config, name, view.facts.keyset, terminal);
  }
  return files;
}

function wroteText({ facts: { keyset } }: View, write: Write): string {
  const { transition } = write;
  const known: Readonly<Partial<Record<Write['transition'], string>>> = WROTE;
  const text = (isGoingBack(keyset) ? WROTE_BACK[transition] : undefined) ?? known[transition] ?? 'written';
  const inferred = 'inferred' in write ? write.inferred : undefined;
  return inferred === undefined ? text : `${text} (inferred: ${inferred})`;
}
