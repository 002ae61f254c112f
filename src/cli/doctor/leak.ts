/** Whether a leaked key may be alive. It is asked first, and only where there is something to say: then nothing else matters. */
import { when } from '../output.ts';
import { rekeyCommand } from '../pasted.ts';
import { BY_HAND, NOT_SERVED, unservedEmergency } from '../unserved.ts';
import { answer, type Check, type DoctorFacts } from './check.ts';

const ASKED = { id: 'leak', question: 'Is a leaked key alive?' };

/** @returns a problem; nothing if none is known, which does not say that no key has leaked */
export function leakChecks({ resource, obstacles, now }: DoctorFacts): readonly Check[] {
  const open = unservedEmergency(resource);
  if (open !== undefined) return [answer(ASKED, 'Problem', `emergency ${open.nonce} is ${NOT_SERVED}`, BY_HAND)];
  const back = obstacles.find(({ reason, message }) => reason === 'KeyResurrected' && message.includes('burnt key'));
  if (back !== undefined) {
    const burn = rekeyCommand('emergency', resource, "--reason '...'");
    const remedy = `restart no pod: one that starts takes the burnt key. Stop what writes the Secret, then burn it once more: ${burn}`;
    return [answer(ASKED, 'Problem', `${back.reason}: ${back.message}`, remedy)];
  }
  const { emergency } = resource.status ?? {};
  if (emergency === undefined || emergency.keyGoneAt !== undefined) return [];
  const evidence = `emergency ${emergency.nonce}, new key written ${when(emergency.writtenAt, now)}: it is not proved yet that every pod refuses the burnt keys`;
  const remedy = `if it does not end: docs/emergency.md#if-it-does-not-end. To follow it: ${rekeyCommand('status', resource, '-w')}`;
  return [answer(ASKED, 'Problem', evidence, remedy)];
}
