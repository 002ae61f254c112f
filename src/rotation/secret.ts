/**
 * The Secret: what it says, whether rekey may touch it, and the patch that makes it hold a keyset.
 */
import type { ManagedFieldsEntry, Secret } from '../kube/types.ts';
import type { SecretFacts } from './facts.ts';
import type { Finding, Reason } from './finding.ts';
import { destroyAll, distinct, fingerprintOf, fingerprintsOf, KeyMaterial } from './keys.ts';
import { currentShape, type KeyRecord, type Keyset, type Kid, keyIn } from './keyset.ts';
import { DATA, FIELD_MANAGER, LAST_APPLIED, STATE } from './names.ts';
import type { Settings } from './settings.ts';
import { decodeState, encodeState, StateError } from './state.ts';

/** Names of the data keys, as far as they can be chosen. */
export type DataNames = Pick<Settings, 'secretName' | 'signingNames' | 'fallbacksName' | 'algorithm'>;

/** Types whose content belongs to the platform. */
const PLATFORM_TYPE = /^(kubernetes\.io\/|bootstrap\.kubernetes\.io\/|helm\.sh\/)/;

/** Field managers that put back what they own, and so would undo every rotation. */
const RECONCILERS =
  /^(external-secrets|argocd|kustomize-controller|helm-controller|vault-secrets-operator|sealed-secrets|secrets-store)/;

/**
 * @param secret undefined if it does not exist
 * @returns what may be told of it; the key bytes are looked at and forgotten
 */
export function readSecret(secret: Secret | undefined, names: DataNames): SecretFacts {
  if (secret === undefined) return { kind: 'Absent' };
  const finding = untouchable(secret, names);
  if (finding !== undefined) return { kind: 'Refused', finding };
  const annotations = secret.metadata.annotations ?? {};
  return annotations[STATE.version] === undefined
    ? readUnmanaged(secret, names)
    : readManaged(secret, annotations, names);
}

function refused(reason: Reason, message: string): SecretFacts {
  return { kind: 'Refused', finding: { reason, message } };
}

function untouchable(secret: Secret, names: DataNames): Finding | undefined {
  const where = `Secret ${names.secretName}`;
  if (secret.immutable === true) {
    return { reason: 'SecretImmutable', message: `${where} is immutable: true; replace it by one that can be changed` };
  }
  if (secret.type !== undefined && PLATFORM_TYPE.test(secret.type)) {
    return {
      reason: 'SecretTypeUnsupported',
      message: `${where} has type ${secret.type}, which is not for shared keys; name another Secret`,
    };
  }
  return undefined;
}

/** A Secret that rekey has not written yet: one key, the same under every signing name that is there, fit for a list. */
function readUnmanaged(secret: Secret, names: DataNames): SecretFacts {
  const where = `Secret ${names.secretName}`;
  const owner = ownerOf(secret, names.signingNames);
  if (owner !== undefined && RECONCILERS.test(owner)) {
    return refused(
      'ForeignWriter',
      `${where}: its key is written by ${owner}, which would undo a rotation; let only one of the two manage it`,
    );
  }
  const found = names.signingNames.filter((name) => secret.data?.[name] !== undefined);
  const [first, ...others] = found;
  if (first === undefined) {
    return refused(
      'KeyNotFound',
      `${where} has none of the data keys ${names.signingNames.join(', ')} (spec.secretKeys.signing)`,
    );
  }
  using held = new DisposableStack();
  const material = held.use(materialIn(secret, first));
  if (others.some((name) => !held.use(materialIn(secret, name)).equals(material))) {
    return refused(
      'KeysDiffer',
      `${where}: the data keys ${found.join(', ')} hold different keys; which one is in use must be settled by hand`,
    );
  }
  if (!fits(material)) {
    return refused(
      'KeyMalformed',
      `${where}: data key ${first} is empty or has white space or a comma (a trailing newline, perhaps), so it cannot stand in a list of keys`,
    );
  }
  const fallbacks = foundMaterials(secret, names)
    .map((key) => held.use(key))
    .slice(1);
  if (fallbacks.some((key) => !fits(key))) {
    return refused(
      'KeyMalformed',
      `${where}: an entry of ${names.fallbacksName} has white space, so services may read it differently`,
    );
  }
  return { kind: 'Unmanaged', fingerprint: fingerprintOf(material), fallbacks: fallbacks.map(fingerprintOf) };
}

/** White space and the comma: what a key in a list must not have. */
const UNFIT = new Set(Buffer.from('\t\n\v\f\r \u00a0,', 'latin1'));

/** @returns whether the key can stand in a list of keys */
function fits(key: KeyMaterial): boolean {
  return key.use((bytes) => bytes.length > 0 && !bytes.some((byte) => UNFIT.has(byte)));
}

/** A Secret that rekey has written: its content must be what its annotations say. */
function readManaged(secret: Secret, annotations: Readonly<Record<string, string>>, names: DataNames): SecretFacts {
  const where = `Secret ${names.secretName}`;
  let keyset: Keyset;
  try {
    keyset = decodeState(annotations);
  } catch (error) {
    if (!(error instanceof StateError)) throw error;
    return refused('StateUnreadable', `${where}: ${error.message}. Nothing is written until it is put right`);
  }
  if (names.signingNames.every((name) => secret.data?.[name] === undefined)) {
    return refused(
      'KeyNotFound',
      `${where} has none of the data keys ${names.signingNames.join(', ')} (spec.secretKeys.signing)`,
    );
  }
  const changed = changedData(secret, keyset, names);
  if (changed === undefined) return { kind: 'Managed', keyset };
  const owner = ownerOf(secret, [changed]) ?? 'somebody';
  if (holdsBurntKey(secret, changed, keyset)) {
    const message = `${where}: data key ${changed} holds a burnt key again (last written by ${owner}, from a backup perhaps); put the value back that rekey wrote`;
    return { kind: 'Refused', finding: { reason: 'KeyResurrected', message }, keyset };
  }
  const message = `${where}: data key ${changed} is not what rekey wrote (last written by ${owner}); put the old value back`;
  return { kind: 'Refused', finding: { reason: 'ForeignWriter', message }, keyset };
}

function holdsBurntKey(secret: Secret, name: string, keyset: Keyset): boolean {
  const found = fingerprintsOf([materialIn(secret, name), ...listedIn(secret, name)]);
  return keyset.burnt.some(({ fingerprint }) => found.includes(fingerprint));
}

/** @returns the name of the first data key that does not hold what the keyset says */
function changedData(secret: Secret, keyset: Keyset, names: DataNames): string | undefined {
  const signing = keyIn(keyset, 'signing')?.fingerprint;
  const present = names.signingNames.filter((name) => secret.data?.[name] !== undefined);
  const found = fingerprintsOf(present.map((name) => materialIn(secret, name)));
  const wrong = present.find((_, i) => found[i] !== signing);
  if (wrong !== undefined) return wrong;
  const listed = [...fingerprintsOf(fallbacksIn(secret, names))].sort();
  const expected = keyset.keys
    .filter((key) => key.state !== 'signing')
    .map((key) => key.fingerprint)
    .sort();
  return listed.join() === expected.join() ? undefined : names.fallbacksName;
}

function materialIn(secret: Secret, name: string): KeyMaterial {
  return new KeyMaterial(Buffer.from(secret.data?.[name] ?? '', 'base64'));
}

function fallbacksIn(secret: Secret, names: DataNames): readonly KeyMaterial[] {
  return listedIn(secret, names.fallbacksName);
}

const COMMA = Buffer.from(',');

/** Split as bytes: a string could not be overwritten. */
function listedIn(secret: Secret, name: string): readonly KeyMaterial[] {
  const list = Buffer.from(secret.data?.[name] ?? '', 'base64');
  const commas = [...list.entries()].flatMap(([i, byte]) => (byte === COMMA[0] ? [i] : []));
  const entries = [...commas, list.length].map((end, i) => list.subarray(i === 0 ? 0 : (commas[i - 1] ?? 0) + 1, end));
  const keys = entries.filter(({ length }) => length > 0).map((entry) => new KeyMaterial(Buffer.from(entry)));
  list.fill(0);
  return keys;
}

/** @returns the keys as {@link listedIn} reads them, in base64 */
function listOf(keys: readonly KeyMaterial[]): string {
  const parts = keys.flatMap((key, i) => key.use((bytes) => (i === 0 ? [bytes] : [COMMA, bytes])));
  const list = Buffer.concat(parts);
  try {
    return list.toString('base64');
  } finally {
    list.fill(0);
  }
}

/**
 * Data keys that rekey wrote and would not write again: their names have left the spec. They go with the next write, lest
 * a key live on there that no rotation reaches.
 */
export function leftoverNames(secret: Secret, names: DataNames): readonly string[] {
  const kept = new Set([...names.signingNames, names.fallbacksName, ...Object.values(DATA)]);
  const owned = (secret.metadata.managedFields ?? [])
    .filter(({ manager }) => manager === FIELD_MANAGER)
    .flatMap(dataKeysOf);
  return owned.filter((name) => !kept.has(name) && secret.data?.[name] !== undefined);
}

function dataKeysOf({ fieldsV1 }: ManagedFieldsEntry): readonly string[] {
  const data = (fieldsV1 as { 'f:data'?: Record<string, unknown> } | undefined)?.['f:data'] ?? {};
  return Object.keys(data).flatMap((field) => (field.startsWith('f:') ? [field.slice(2)] : []));
}

/** @returns the field manager that owns one of the data keys, kubectl and rekey included */
function ownerOf(secret: Secret, dataKeys: readonly string[]): string | undefined {
  const owners = (secret.metadata.managedFields ?? []).filter((entry) =>
    dataKeysOf(entry).some((name) => dataKeys.includes(name)),
  );
  return owners.at(-1)?.manager;
}

/**
 * The keys of a managed Secret by key id.
 *
 * @param secret one that {@link readSecret} calls Managed
 */
export function materialsOf(secret: Secret, keyset: Keyset, names: DataNames): ReadonlyMap<Kid, KeyMaterial> {
  const present = names.signingNames.find((name) => secret.data?.[name] !== undefined) ?? '';
  return byKid(keyset.keys, [materialIn(secret, present), ...fallbacksIn(secret, names)]);
}

/** The materials of these keys; the bytes of all others are overwritten. */
function byKid(
  keys: readonly Pick<KeyRecord, 'kid' | 'fingerprint'>[],
  materials: readonly KeyMaterial[],
): ReadonlyMap<Kid, KeyMaterial> {
  const byFingerprint = new Map(materials.map((material) => [fingerprintOf(material), material]));
  const found = keys.flatMap(({ kid, fingerprint }) => {
    const material = byFingerprint.get(fingerprint);
    return material === undefined ? [] : [[kid, material] as const];
  });
  const kept = new Set(found.map(([, material]) => material));
  destroyAll(materials.filter((material) => !kept.has(material)));
  return new Map(found);
}

/** The keys of a Secret that {@link readSecret} calls Unmanaged, each once: first the one that signs, then the others. */
export function foundMaterials(secret: Secret, names: DataNames): readonly KeyMaterial[] {
  const present = names.signingNames.find((name) => secret.data?.[name] !== undefined) ?? '';
  return distinct([materialIn(secret, present), ...fallbacksIn(secret, names)]);
}

/** Every key that stands anywhere in the Secret, managed or not, burnt ones included: for an emergency. */
export function allMaterials(secret: Secret, names: DataNames): readonly KeyMaterial[] {
  const signing = names.signingNames.filter((name) => secret.data?.[name] !== undefined);
  return distinct([
    ...signing.map((name) => materialIn(secret, name)),
    ...fallbacksIn(secret, names),
    ...listedIn(secret, DATA.burnt),
  ]);
}

/** The burnt keys that pods are still to be asked about, by key id. */
export function burntMaterialsOf(secret: Secret, keyset: Keyset): ReadonlyMap<Kid, KeyMaterial> {
  return byKid(keyset.burnt, listedIn(secret, DATA.burnt));
}

/** A merge patch. Everything it does not name stays as it is. */
export interface SecretPatch {
  readonly metadata: {
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string | null>>;
  };
  readonly data?: Readonly<Record<string, string | null>>;
}

/**
 * @param materials of every key in the keyset; undefined for a write that changes annotations only
 * @param burnt keys that pods are to be asked about while the keyset is Burning; they leave with that phase
 * @returns what makes the Secret hold the keyset
 */
export function patchFor(
  keyset: Keyset,
  materials: ReadonlyMap<Kid, KeyMaterial> | undefined,
  names: DataNames,
  burnt: readonly KeyMaterial[] = [],
): SecretPatch {
  const annotations = {
    // what an earlier life of the Secret has left behind must not be taken for the present
    ...Object.fromEntries(Object.values(STATE).map((name) => [name, null])),
    ...encodeState(keyset),
    'reloader.stakater.com/ignore': 'true',
    [LAST_APPLIED]: null,
  };
  const metadata = { labels: { 'app.kubernetes.io/managed-by': 'rekey' }, annotations };
  const data = {
    ...(materials && dataFor(keyset, materials, names)),
    ...(keyset.emergency && { [DATA.burnt]: keyset.phase === 'Burning' ? listOf(burnt) : null }),
  };
  return Object.keys(data).length === 0 ? { metadata } : { metadata, data };
}

function dataFor(keyset: Keyset, materials: ReadonlyMap<Kid, KeyMaterial>, names: DataNames): Record<string, string> {
  const { sign, verify } = currentShape(keyset);
  const material = (kid: Kid): KeyMaterial => {
    const found = materials.get(kid);
    if (found === undefined) throw new Error(`the bytes of ${kid} are not at hand`);
    return found;
  };
  const base64 = (bytes: Buffer) => bytes.toString('base64');
  const signing = material(sign).use(base64);
  return {
    ...Object.fromEntries(names.signingNames.map((name) => [name, signing])),
    [names.fallbacksName]: listOf(verify.filter((kid) => kid !== sign).map(material)),
    [DATA.keyId]: base64(Buffer.from(sign, 'utf8')),
    [DATA.algorithm]: base64(Buffer.from(names.algorithm, 'utf8')),
  };
}
