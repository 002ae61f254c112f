/** What to do where no file has a key any more that a write needs. */
import type { Kid } from '../rotation/keyset/keyset.ts';
import type { EnvironmentFiles } from './environment.ts';
import { EnvError } from './error.ts';
import { FORGETS, STATE_FOLDER } from './state.ts';
import { burntKeysIn, emergencyWay, unwantedText } from './unwanted.ts';

/**
 * @param lost the key
 * @returns the error that says how to get out; never by taking over a key that is burnt
 */
export async function lostKey(environment: EnvironmentFiles, lost: Kid): Promise<EnvError> {
  const { name } = environment;
  const message = `${name}: the key ${lost} stands in none of the files any more, and rekey keeps no copy`;
  const burnt = await burntKeysIn(environment);
  if (burnt.length > 0) {
    const what = `BurntKey: ${unwantedText(burnt)}; nothing was written`;
    return new EnvError(`${message}. ${what}. Restore a file that has ${lost}. ${emergencyWay(name)}`);
  }
  const last = `remove ${STATE_FOLDER}/${name}.json: the keys that the files have are taken over as they are, and tokens of ${lost} are refused. ${FORGETS}`;
  return new EnvError(
    `${message}. Compare names and fallbacks in rekey.yaml; restore a file that has it; or else ${last}`,
  );
}
