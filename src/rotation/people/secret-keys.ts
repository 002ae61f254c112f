/** Reads the keys of a Secret for a person who may read it, by the names that the person gives. */
import { own } from '../../base/objects.ts';
import type { Secret } from '../../kube/types.ts';
import { destroyAll, type KeyMaterial } from '../secret/keys.ts';
import { listedIn, materialIn, textIn } from '../secret/secret-data.ts';

/** Names of data keys. */
export interface WhereKeysAre {
  /** The first existing one counts. */
  readonly signing: readonly string[];
  readonly fallbacks: string;
  readonly keyId: string;
}

export interface FoundKeys {
  readonly signing: KeyMaterial;
  /** Separated by commas in the Secret. */
  readonly fallbacks: readonly KeyMaterial[];
  readonly kid?: string;
}

/** @returns undefined if there is no signing key; the caller overwrites the bytes */
export function keysInSecret(secret: Secret, { signing, fallbacks, keyId }: WhereKeysAre): FoundKeys | undefined {
  const name = signing.find((each) => own(secret.data, each) !== undefined);
  if (name === undefined) return undefined;
  const key = materialIn(secret, name);
  if (key.use(({ length }) => length === 0)) {
    destroyAll([key]);
    return undefined;
  }
  const kid = textIn(secret, keyId);
  return { signing: key, fallbacks: listedIn(secret, fallbacks), ...(kid && { kid }) };
}
