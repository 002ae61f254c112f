/** No write makes a key sign that an emergency has burnt, in this environment or another. */
import { currentShape, type Keyset } from '../rotation/keyset/keyset.ts';
import type { Write } from '../rotation/keyset/writes.ts';
import type { EnvironmentFiles } from './environment.ts';
import { EnvError } from './error.ts';
import { SINGLE_KEY } from './step.ts';
import { burntKeysIn, emergencyWay, unwantedText } from './unwanted.ts';

/** Writes after which a key signs that services had before. All others keep the key that signs, or make a fresh one alone. */
const MAKES_SIGN: readonly Write['transition'][] = ['adopt', 'stage', 'promote', 'abort', 'rollback'];

/**
 * @param next the keyset after the write
 * @throws EnvError if the key that would sign is burnt, with the ways out
 */
export async function refuseBurntSigner(environment: EnvironmentFiles, write: Write, next: Keyset): Promise<void> {
  if (!MAKES_SIGN.includes(write.transition)) return;
  const { sign } = currentShape(next);
  const signing = next.keys.find(({ kid }) => kid === sign)?.fingerprint;
  const burnt = (await burntKeysIn(environment)).filter(({ fingerprint }) => fingerprint === signing);
  if (burnt.length === 0) return;
  const what = `BurntKey: ${unwantedText(burnt)}. After ${write.transition} it would sign; nothing was written`;
  throw new EnvError([what, ...otherWays(write, environment.name), emergencyWay(environment.name)].join('. '));
}

/** Other ways than to replace all keys: on, where a person has asked to go back, and back, where the new key is burnt. */
function otherWays(write: Write, environment: string): readonly string[] {
  if (write.transition === 'promote') return [`To go back: rekey env abort ${environment}`];
  const isAsked = 'failure' in write && write.failure?.reason !== SINGLE_KEY;
  return isAsked ? [`To go on with the new key: rekey env continue ${environment}`] : [];
}
