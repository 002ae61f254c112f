/**
 * Finds data keys that hold a key although the spec does not name them, such as a second name or a file with the key in
 * it. A rotation would leave the old key there.
 */
import { own } from '../../base/objects.ts';
import type { Secret } from '../../kube/types.ts';
import { DATA } from '../api/names.ts';
import { besideNames, type DataNames } from '../settings/settings.ts';
import type { KeyMaterial } from './keys.ts';

/** A shorter key may occur in a text by chance, so it must be the whole text. */
const MIN_WITHIN_BYTES = 16;

/** @returns names of data keys in their order, without those of the spec and of rekey: where copies may be */
export function otherNames(secret: Secret, names: DataNames): readonly string[] {
  const known = new Set([...names.signingNames, ...besideNames(names), ...Object.values<string>(DATA)]);
  return Object.keys(secret.data ?? {}).filter((name) => !known.has(name));
}

/** @returns those of {@link otherNames} that hold one of the keys */
export function copiesIn(secret: Secret, names: DataNames, keys: readonly KeyMaterial[]): readonly string[] {
  return otherNames(secret, names).filter((name) => {
    const value = Buffer.from(own(secret.data, name) ?? '', 'base64');
    const found = keys.some((key) => key.use((bytes) => isWithin(bytes, value)));
    value.fill(0);
    return found;
  });
}

function isWithin(key: Buffer, value: Buffer): boolean {
  if (key.length === 0) return false;
  return key.length < MIN_WITHIN_BYTES ? key.equals(value) : value.includes(key);
}
