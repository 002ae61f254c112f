/** What to do where no file has a key any more that a write needs. */
import { currentShape, type Keyset, type Kid } from '../rotation/keyset/keyset.ts';
import type { KeyMaterial } from '../rotation/secret/keys.ts';
import { differences, type EnvironmentFiles, materialsOf } from './environment.ts';
import { EnvError } from './error.ts';
import { shownKids } from './layout.ts';
import { FORGETS, STATE_FOLDER } from './state.ts';
import { burntKeysIn, emergencyWay, unwantedText } from './unwanted.ts';

/**
 * @param keyset that is to be in every file
 * @param materials of its keys; those in the files if absent
 * @throws EnvError if one of its keys is not among them, with the ways out
 */
export async function refuseLost(
  environment: EnvironmentFiles,
  keyset: Keyset,
  materials: ReadonlyMap<Kid, KeyMaterial> = materialsOf(environment, keyset),
): Promise<void> {
  const lost = shownKids(keyset).find((kid) => !materials.has(kid));
  if (lost !== undefined) throw await lostKey(environment, lost);
}

/** Never by taking over a key that is burnt. */
async function lostKey(environment: EnvironmentFiles, lost: Kid): Promise<EnvError> {
  const { name, state } = environment;
  const message = `${name}: the key ${lost} stands in none of the files any more, and rekey keeps no copy`;
  const burnt = await burntKeysIn(environment);
  if (burnt.length > 0) {
    const what = `BurntKey: ${unwantedText(burnt)}; nothing was written`;
    return new EnvError(`${message}. ${what}. Restore a file that has ${lost}. ${emergencyWay(name)}`);
  }
  const restore = `${message}; nothing was written. Compare names and fallbacks in rekey.yaml; restore a file that has it`;
  if (mayGoBack(environment, lost)) return new EnvError(`${restore}; or go back: rekey env abort ${name}`);
  const last = `remove ${STATE_FOLDER}/${name}.json: the keys that the files have are taken over as they are, and tokens of ${lost} are refused. ${FORGETS}`;
  const isForgetful = (state?.keyset.burnt ?? []).length > 0;
  return new EnvError(`${restore}. ${emergencyWay(name)}${isForgetful ? '' : `. Or ${last}`}`);
}

/** Before the new key has signed, the rotation does without it. */
function mayGoBack(environment: EnvironmentFiles, lost: Kid): boolean {
  const keyset = environment.state?.keyset;
  if (keyset?.phase !== 'Staging' || currentShape(keyset).sign === lost) return false;
  return differences(environment, keyset).every(({ foreign, burnt }) => foreign.length === 0 && !burnt);
}
