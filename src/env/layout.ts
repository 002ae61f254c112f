/**
 * Which keys of a keyset stand in a .env file, and under which names.
 */
import { currentShape, type Keyset, type Kid, keyIn, type Phase } from '../rotation/keyset/keyset.ts';
import type { KeyMaterial } from '../rotation/secret/keys.ts';
import { listOf } from '../rotation/secret/secret-data.ts';

/** Name of the key id, as the operator writes it. It is set where a file has it, and added nowhere. */
export const KEY_ID = 'JWT_KEY_ID';

/**
 * The ack key proves which version a service has loaded, so it stands there as long as somebody may be asked about it. A service
 * that knows one key needs no list, and a file at rest neither.
 */
const WITH_ACK: readonly Phase[] = ['Staging', 'Promoting', 'Draining', 'Retiring'];

/** @returns the keys that are accepted besides the one that signs, in the order of the file */
export function fallbackKids(keyset: Keyset): readonly Kid[] {
  const { sign, verify } = currentShape(keyset);
  const ack = WITH_ACK.includes(keyset.phase) ? undefined : keyIn(keyset, 'ack')?.kid;
  return verify.filter((kid) => kid !== sign && kid !== ack);
}

/** @returns all keys that stand in the files, the one that signs first */
export function shownKids(keyset: Keyset): readonly Kid[] {
  return [currentShape(keyset).sign, ...fallbackKids(keyset)];
}

/** Names of one file. */
export interface FileNames {
  /** Names of the key that signs. */
  readonly signing: readonly string[];
  readonly fallbacks: string;
  /** Whether the file has {@link KEY_ID}. */
  readonly hasKeyId: boolean;
}

/**
 * @param materials of every key in the keyset
 * @returns what each name is set to; undefined: its line goes. The caller overwrites the bytes
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
