/** The data keys of the Secret: what each must hold for a keyset, and which keys are in it. */
import { own } from '../../base/objects.ts';
import type { Secret } from '../../kube/types.ts';
import { DATA } from '../api/names.ts';
import { currentShape, type Keyset, type Kid, othersOf } from '../keyset/keyset.ts';
import { contentOf, type Format, layoutsOf } from '../settings/layouts.ts';
import type { DataNames } from '../settings/settings.ts';
import { jsonArrayIn, jsonArrayOf } from './json-array.ts';
import { KeyMaterial } from './keys.ts';

/** The value of a data key, taken as one key. */
export function materialIn(secret: Secret, name: string): KeyMaterial {
  return new KeyMaterial(Buffer.from(own(secret.data, name) ?? '', 'base64'));
}

/** The value of a data key that does not hold a key; undefined if it is absent. */
export function textIn({ data }: Secret, name: string): string | undefined {
  const encoded = own(data, name);
  return encoded === undefined ? undefined : Buffer.from(encoded, 'base64').toString('utf8');
}

const COMMA = Buffer.from(',');

/** Split as bytes: a string could not be overwritten. */
export function listedIn(secret: Secret, name: string): readonly KeyMaterial[] {
  const list = Buffer.from(own(secret.data, name) ?? '', 'base64');
  const keys = keysInList(list);
  list.fill(0);
  return keys;
}

/** @returns the keys of a comma-separated list, as copies */
export function keysInList(list: Buffer): readonly KeyMaterial[] {
  const commas = [...list.entries()].flatMap(([i, byte]) => (byte === COMMA[0] ? [i] : []));
  const entries = [...commas, list.length].map((end, i) => list.subarray(i === 0 ? 0 : (commas[i - 1] ?? 0) + 1, end));
  return entries.filter(({ length }) => length > 0).map((entry) => new KeyMaterial(Buffer.from(entry)));
}

/** @returns the keys as {@link listedIn} reads them, in base64 */
export function listOf(keys: readonly KeyMaterial[]): string {
  const parts = keys.flatMap((key, i) => key.use((bytes) => (i === 0 ? [bytes] : [COMMA, bytes])));
  const list = Buffer.concat(parts);
  try {
    return list.toString('base64');
  } finally {
    list.fill(0);
  }
}

/** Members of a JWK of a symmetric key (RFC 7518 section 6.4, RFC 7517 section 4). */
interface Jwk {
  readonly kty: 'oct';
  readonly kid: Kid;
  readonly alg: string;
  readonly use: 'sig';
  /** The bytes that services use for HMAC, in base64url. */
  readonly k: string;
}

/** @returns a JWK set (RFC 7517 section 5) in base64, the key that signs first */
function jwksOf(kids: readonly Kid[], material: (kid: Kid) => KeyMaterial, alg: string): string {
  const keys = kids.map((kid): Jwk => {
    return { kty: 'oct', kid, alg, use: 'sig', k: material(kid).use((bytes) => bytes.toString('base64url')) };
  });
  const bytes = Buffer.from(JSON.stringify({ keys }));
  try {
    return bytes.toString('base64');
  } finally {
    bytes.fill(0);
  }
}

/** @returns the keys in a JWK set, in its order; none if the data key is absent; undefined if it holds something else */
export function jwksIn(secret: Secret, name: string): readonly KeyMaterial[] | undefined {
  const encoded = name === '' ? undefined : own(secret.data, name);
  if (encoded === undefined) return [];
  const bytes = Buffer.from(encoded, 'base64');
  try {
    const { keys } = JSON.parse(bytes.toString()) as { readonly keys: readonly Jwk[] };
    if (keys.some(({ kty, k }) => kty !== 'oct' || typeof k !== 'string')) return undefined;
    return keys.map(({ k }) => new KeyMaterial(Buffer.from(k, 'base64url')));
  } catch {
    return undefined;
  } finally {
    bytes.fill(0);
  }
}

/**
 * @param name of a data key that {@link jwksIn} can read
 * @returns the id of each key, in its order; undefined for keys without one
 */
export function jwkIdsIn(secret: Secret, name: string): readonly (Kid | undefined)[] {
  const bytes = Buffer.from(own(secret.data, name) ?? '', 'base64');
  try {
    const { keys } = JSON.parse(bytes.toString()) as { readonly keys: readonly { readonly kid?: unknown }[] };
    return keys.map(({ kid }) => (typeof kid === 'string' && kid !== '' ? kid : undefined));
  } finally {
    bytes.fill(0);
  }
}

/** @returns the keys in a data key, in its order; none if it is absent; undefined if it holds something else */
export function keysAt(secret: Secret, name: string, format: Format): readonly KeyMaterial[] | undefined {
  const encoded = own(secret.data, name);
  if (encoded === undefined) return [];
  switch (format) {
    case 'Text':
      return [materialIn(secret, name)];
    case 'CommaList':
      return listedIn(secret, name);
    case 'JsonArray':
      return jsonArrayIn(Buffer.from(encoded, 'base64'));
    case 'Jwks':
      return jwksIn(secret, name);
  }
}

/** @returns the value of a data key as {@link keysAt} reads it, in base64 */
function encodedOf(format: Format, kids: readonly Kid[], material: (kid: Kid) => KeyMaterial, alg: string): string {
  switch (format) {
    case 'Text':
    case 'CommaList':
      return listOf(kids.map(material));
    case 'JsonArray':
      return jsonArrayOf(kids.map(material));
    case 'Jwks':
      return jwksOf(kids, material, alg);
  }
}

/** The names that spec.secretKeys.signing has by default. */
const USUAL = ['JWT_SECRET_KEY', 'JWT_SECRET'];

/** The data keys of a write. */
export interface NamesToWrite extends DataNames {
  /** Names that the write does not add. */
  readonly withheld?: readonly string[];
}

/**
 * Each added variable may hide another one. So a Secret that people made keeps only those usual signing names that it
 * has. The id and the algorithm, which services do not need, are not added if a container takes the whole Secret after
 * other sources.
 *
 * @param secret as it is now; undefined if it is absent: then it gets every name
 */
export function namesToWrite(secret: Secret | undefined, names: DataNames, crowded: boolean): NamesToWrite {
  const has = (name: string) => own(secret?.data, name) !== undefined;
  const present = names.signingNames.filter(has);
  if (secret === undefined || present.length === 0) return names;
  const ofLayouts = names.layouts.flatMap(({ signing }) => signing ?? []);
  const listed = names.signingNames.filter((name) => !ofLayouts.includes(name));
  const usual = listed.join() === USUAL.join();
  const withheld = crowded ? [DATA.keyId, DATA.algorithm].filter((name) => !has(name)) : [];
  const signingNames = [...listed.filter(has), ...ofLayouts];
  return { ...names, ...(usual && { signingNames }), withheld };
}

/** @returns the value of every data key in base64 */
export function dataFor(
  keyset: Keyset,
  materials: ReadonlyMap<Kid, KeyMaterial>,
  names: NamesToWrite,
): Record<string, string> {
  const { sign } = currentShape(keyset);
  const others = othersOf(currentShape(keyset), keyset);
  const material = (kid: Kid): KeyMaterial => {
    const found = materials.get(kid);
    if (found === undefined) throw new Error(`the bytes of ${kid} are not at hand`);
    return found;
  };
  const base64 = (bytes: Buffer) => bytes.toString('base64');
  const signing = material(sign).use(base64);
  const { withheld = [] } = names;
  return {
    // these come first: an emergency also serves an invalid spec, and if that names one of them for a key, the key wins
    ...(!withheld.includes(DATA.keyId) && { [DATA.keyId]: base64(Buffer.from(sign, 'utf8')) }),
    ...(!withheld.includes(DATA.algorithm) && { [DATA.algorithm]: base64(Buffer.from(names.algorithm, 'utf8')) }),
    ...Object.fromEntries(
      layoutsOf(names).flatMap((layout) =>
        contentOf(layout, sign, others).map(([name, kids]) => [
          name,
          encodedOf(layout.format, kids, material, names.algorithm),
        ]),
      ),
    ),
    ...Object.fromEntries(names.signingNames.map((name) => [name, signing])),
  };
}
