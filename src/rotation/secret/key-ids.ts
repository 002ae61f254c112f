/**
 * Key ids that people gave before rekey adopted the Secret, as JWT_KEY_ID or in a JWK set. rekey keeps them: tokens
 * carry them, and a service may find a key by its id alone.
 */
import { own } from '../../base/objects.ts';
import type { Secret } from '../../kube/types.ts';
import type { Finding } from '../api/finding.ts';
import { DATA } from '../api/names.ts';
import type { Kid } from '../keyset/keyset.ts';
import { layoutsOf } from '../settings/layouts.ts';
import type { DataNames } from '../settings/settings.ts';
import { fingerprintOf, fingerprintsOf, type KeyMaterial } from './keys.ts';
import { jwkIdsIn, jwksIn, textIn } from './secret-data.ts';

/** Ids that fit into a header, an annotation, a log line and a metric. */
const KEY_ID = /^[A-Za-z0-9._~:/@+=-]{1,128}$/;
/** Words that rekey uses for keys without an id. */
const RESERVED = ['unknown', 'fresh'];

interface FoundId {
  /** The data key that has the id. */
  readonly place: string;
  readonly kid: Kid;
  readonly fingerprint: string;
}

/** @param keys all keys of the Secret, the one that signs first */
function idsIn(secret: Secret, names: DataNames, keys: readonly KeyMaterial[]): readonly FoundId[] {
  const [signing] = keys.map(fingerprintOf);
  const ofSigning = textIn(secret, DATA.keyId) || undefined;
  const sets = layoutsOf(names).flatMap((layout) => (layout.format === 'Jwks' ? layout.names : []));
  const inSets = sets.flatMap((place) => {
    const fingerprints = fingerprintsOf(jwksIn(secret, place) ?? []);
    const kids = own(secret.data, place) === undefined ? [] : jwkIdsIn(secret, place);
    return fingerprints.flatMap((fingerprint, i) => {
      const kid = kids[i];
      return kid === undefined ? [] : [{ place, kid, fingerprint }];
    });
  });
  if (ofSigning === undefined || signing === undefined) return inSets;
  return [{ place: DATA.keyId, kid: ofSigning, fingerprint: signing }, ...inSets];
}

/**
 * @param keys all keys of the Secret, the one that signs first
 * @returns the id of each key, in their order; undefined for keys without one
 */
export function keyIdsIn(secret: Secret, names: DataNames, keys: readonly KeyMaterial[]): readonly (Kid | undefined)[] {
  const ids = idsIn(secret, names, keys);
  return keys.map(fingerprintOf).map((held) => ids.find(({ fingerprint }) => fingerprint === held)?.kid);
}

/**
 * An id is public, so it must not be part of a key, and it must be unique.
 *
 * @param keys all keys of the Secret, the one that signs first
 */
export function keyIdFinding(secret: Secret, names: DataNames, keys: readonly KeyMaterial[]): Finding | undefined {
  const ids = idsIn(secret, names, keys);
  const unfit = ids.flatMap(({ place, kid }) => {
    const problem = keyIdProblem(kid, keys);
    return problem === undefined ? [] : [{ place, problem }];
  });
  const doubled = ids.find((id, i) =>
    ids.slice(0, i).some((other) => (other.kid === id.kid) !== (other.fingerprint === id.fingerprint)),
  );
  const twice = doubled && { place: doubled.place, problem: 'gives two keys one id, or one key two ids' };
  const [found] = [...unfit, ...(twice ? [twice] : [])];
  if (found === undefined) return undefined;
  const isSet = found.place !== DATA.keyId;
  const where = `Secret ${names.secretName}: data key ${found.place}`;
  const wayOut = isSet
    ? 'set kid to the ids that tokens carry, or remove kid to give the keys new ids'
    : 'set it to the id that tokens carry, or remove the data key to give the key a new id';
  return { reason: 'KeyIdUnusable', message: `${where} ${found.problem}; ${wayOut}` };
}

/**
 * @param keys nothing of which may be seen
 * @returns why everybody must not see this id, or it cannot be one, without its subject
 */
export function keyIdProblem(kid: Kid, keys: readonly KeyMaterial[]): string | undefined {
  if (!KEY_ID.test(kid)) return 'is not a key id: write at most 128 letters, digits and . _ ~ : / @ + = -';
  if (RESERVED.includes(kid)) return 'is a reserved word';
  const bytes = Buffer.from(kid);
  const isRevealing = keys.some((key) =>
    key.use((held) => bytes.includes(held) || (bytes.length >= 8 && held.includes(bytes))),
  );
  return isRevealing ? 'contains part of a key, and everybody can see an id' : undefined;
}
