/** Which keys of a keyset are in a .env file, and under which names. */
import { currentShape, type Keyset, type Kid, keyIn, type Phase } from '../rotation/keyset/keyset.ts';
import type { KeyMaterial } from '../rotation/secret/keys.ts';
import { listOf } from '../rotation/secret/secret-data.ts';

/** Name of the key id, as the operator writes it. It is set only in files that already have it. */
export const KEY_ID = 'JWT_KEY_ID';

/**
 * The ack key proves which version a service has loaded, so it is in the files in the phases that ask services. A file
 * at rest does not need it.
 */
const WITH_ACK: readonly Phase[] = ['Staging', 'Promoting', 'Draining', 'Retiring'];

/** @returns the accepted keys besides the signing key, in the order of the file */
export function fallbackKids(keyset: Keyset): readonly Kid[] {
  const { sign, verify } = currentShape(keyset);
  const ack = WITH_ACK.includes(keyset.phase) ? undefined : keyIn(keyset, 'ack')?.kid;
  return verify.filter((kid) => kid !== sign && kid !== ack);
}

/** @returns all keys in the files, the signing key first */
export function shownKids(keyset: Keyset): readonly Kid[] {
  return [currentShape(keyset).sign, ...fallbackKids(keyset)];
}

/** Names of one file. */
export interface FileNames {
  /** Names of the signing key. */
  readonly signing: readonly string[];
  readonly fallbacks: string;
  /** Whether the file has {@link KEY_ID}. */
  readonly hasKeyId: boolean;
}

/**
 * @param materials of every key in the keyset
 * @returns the value of each name; undefined removes its line. The caller overwrites the bytes
 */
export function valuesFor(
  keyset: Keyset,
  materials: ReadonlyMap<Kid, KeyMaterial>,
  { signing, fallbacks, hasKeyId }: FileNames,
): ReadonlyMap<string, Buffer | undefined> {
  const material = (kid: Kid): KeyMaterial => {
    const found = materials.get(kid);
    if (found === undefined) throw new Error(`the bytes of ${kid} are not at hand`);
    return found;
  };
  const { sign } = currentShape(keyset);
  const listed = fallbackKids(keyset).map(material);
  return new Map([
    ...signing.map((name) => [name, material(sign).use((bytes) => Buffer.from(bytes))] as const),
    [fallbacks, listed.length === 0 ? undefined : Buffer.from(listOf(listed), 'base64')] as const,
    ...(hasKeyId ? [[KEY_ID, Buffer.from(sign)] as const] : []),
  ]);
}
