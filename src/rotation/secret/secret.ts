/** Reads the Secret, decides whether rekey may write it, and makes the patch that puts a keyset into it. */
import { own } from '../../base/objects.ts';
import { onceForSame } from '../../base/once.ts';
import type { Secret } from '../../kube/types.ts';
import type { Finding } from '../api/finding.ts';
import { ACCEPT_RETIRED, DATA, FIELD_MANAGER, LAST_APPLIED, STATE } from '../api/names.ts';
import type { SecretFacts } from '../facts.ts';
import type { KeyRecord, Keyset, Kid } from '../keyset/keyset.ts';
import { decodeState, encodeState, StateError } from '../keyset/state.ts';
import { besideNames, type DataNames } from '../settings/settings.ts';
import { algorithmFinding, besideIn, keyNotFound, readUnmanaged } from './adoption.ts';
import { changedData, holdsBurntKey } from './changes.ts';
import { copiesIn, otherNames } from './copies.ts';
import { strangeKeysIn } from './foreign.ts';
import { destroyAll, distinct, fingerprintOf, firstOf, type KeyMaterial } from './keys.ts';
import { asLanded } from './landing.ts';
import { dataFor, listedIn, listOf, materialIn, type NamesToWrite } from './secret-data.ts';
import { dataKeysOf, managersOf } from './writers.ts';

/** Types whose content belongs to the platform. */
const PLATFORM_TYPE = /^(kubernetes\.io\/|bootstrap\.kubernetes\.io\/|helm\.sh\/)/;

/**
 * @param secret undefined if it does not exist
 * @returns what may be shown of it; the key bytes are read and forgotten
 */
export function readSecret(secret: Secret | undefined, names: DataNames): SecretFacts {
  return secret === undefined ? { kind: 'Absent' } : factsOf(secret, names);
}

/** A pass that has read a Secret and then writes it asks twice what is in it. */
const factsOf = onceForSame((secret: Secret, names: DataNames): SecretFacts => {
  const facts = judged(secret, names);
  const isUntold = facts.kind === 'Refused' && facts.keyset === undefined;
  return isUntold ? { ...facts, foreign: strangeKeysIn(secret, names) } : facts;
});

function judged(secret: Secret, names: DataNames): SecretFacts {
  const finding = untouchable(secret, names);
  if (finding !== undefined) return { kind: 'Refused', finding };
  const annotations = secret.metadata.annotations ?? {};
  const isManaged = annotations[STATE.version] !== undefined;
  return isManaged ? readManaged(secret, annotations, names) : readUnmanaged(secret, names);
}

function untouchable(secret: Secret, names: DataNames): Finding | undefined {
  const where = `Secret ${names.secretName}`;
  if (secret.immutable === true) {
    return {
      reason: 'SecretImmutable',
      message: `${where} is immutable: true; replace it with one that can be changed`,
    };
  }
  if (secret.type !== undefined && PLATFORM_TYPE.test(secret.type)) {
    return {
      reason: 'SecretTypeUnsupported',
      message: `${where} has type ${secret.type}, which is not meant for shared keys; name another Secret`,
    };
  }
  return undefined;
}

/** Reads a Secret that rekey has written: its content must match its annotations. */
function readManaged(secret: Secret, annotations: Readonly<Record<string, string>>, names: DataNames): SecretFacts {
  const where = `Secret ${names.secretName}`;
  let keyset: Keyset;
  try {
    keyset = asLanded(decodeState(annotations), secret);
  } catch (error) {
    if (!(error instanceof StateError)) throw error;
    const message = `${where}: ${error.message}. rekey writes nothing until you correct it`;
    return { kind: 'Refused', finding: { reason: 'StateUnreadable', message } };
  }
  if (names.signingNames.every((name) => own(secret.data, name) === undefined)) return keyNotFound(names);
  const changed = changedData(secret, keyset, names);
  if (changed === undefined) return inItsAlgorithm(secret, keyset, names);
  const known = ownerOf(secret, [changed]);
  const owner = known ?? 'somebody';
  const foreign = strangeKeysIn(secret, names, keyset);
  if (holdsBurntKey(secret, changed, keyset)) {
    const stop = known === undefined ? 'Stop whoever writes' : `Stop ${known} from writing`;
    const message = `${where}: data key ${changed} holds a burnt key again (last written by ${owner}, perhaps from a backup). RESTART NO POD: one that starts now takes the burnt key. ${stop} ${where}, then request another emergency: kubectl rekey emergency NAME --reason '...'`;
    return { kind: 'Refused', finding: { reason: 'KeyResurrected', message }, keyset, foreign };
  }
  const message = `${where}: data key ${changed} is not what rekey wrote (last written by ${owner}); restore the old value, and restart the pods that started meanwhile: they keep what they have read`;
  return { kind: 'Refused', finding: { reason: 'ForeignWriter', message }, keyset, foreign };
}

/** In these phases the new key replaces all others, so it may have another algorithm. */
const REPLACED: readonly Keyset['phase'][] = ['Burning', 'Switching'];

function inItsAlgorithm(secret: Secret, keyset: Keyset, names: DataNames): SecretFacts {
  const finding = REPLACED.includes(keyset.phase) ? undefined : algorithmFinding(secret, names);
  if (finding !== undefined) return { kind: 'Refused', finding, keyset };
  const leftovers = leftoverNames(secret, names);
  const copies = copiesOf(secret, keyset, names).filter((name) => !leftovers.includes(name));
  return {
    ...{ kind: 'Managed', keyset },
    ...(copies.length > 0 && { copies }),
    ...(leftovers.length > 0 && { leftovers }),
  };
}

function copiesOf(secret: Secret, keyset: Keyset, names: DataNames): readonly string[] {
  if (otherNames(secret, names).length === 0) return [];
  const materials = materialsOf(secret, keyset, names);
  const real = keyset.keys.flatMap(({ kid, state }) => (state === 'ack' ? [] : (materials.get(kid) ?? [])));
  try {
    return copiesIn(secret, names, real);
  } finally {
    destroyAll([...materials.values()]);
  }
}

function fallbacksIn(secret: Secret, names: DataNames): readonly KeyMaterial[] {
  return listedIn(secret, names.fallbacksName);
}

/**
 * Data keys that rekey wrote and whose names have left the spec. The next write removes them, so that no key stays
 * where no rotation reaches it.
 */
export function leftoverNames(secret: Secret, names: DataNames): readonly string[] {
  const kept = new Set([...names.signingNames, ...besideNames(names), ...Object.values(DATA)]);
  const owned = (secret.metadata.managedFields ?? [])
    .filter(({ manager }) => manager === FIELD_MANAGER)
    .flatMap(dataKeysOf);
  return owned.filter((name) => !kept.has(name) && own(secret.data, name) !== undefined);
}

/** @returns the field manager that owns one of the data keys, kubectl and rekey included */
function ownerOf(secret: Secret, dataKeys: readonly string[]): string | undefined {
  return managersOf(secret, dataKeys).at(-1);
}

/**
 * The keys of a managed Secret by key id.
 *
 * @param secret that {@link readSecret} calls Managed
 */
export function materialsOf(secret: Secret, keyset: Keyset, names: DataNames): ReadonlyMap<Kid, KeyMaterial> {
  const present = names.signingNames.find((name) => own(secret.data, name) !== undefined) ?? '';
  return byKid(keyset.keys, [materialIn(secret, present), ...fallbacksIn(secret, names)]);
}

/** The materials of these keys; the bytes of all others are overwritten. */
function byKid(
  keys: readonly Pick<KeyRecord, 'kid' | 'fingerprint'>[],
  materials: readonly KeyMaterial[],
): ReadonlyMap<Kid, KeyMaterial> {
  const byFingerprint = Map.groupBy(materials, fingerprintOf);
  const found = keys.flatMap(({ kid, fingerprint }) => {
    // keys that can be guessed may have one fingerprint: then each has its place in the order
    const alike = byFingerprint.get(fingerprint) ?? [];
    const material = alike.length > 1 ? alike.shift() : alike[0];
    return material === undefined ? [] : [[kid, material] as const];
  });
  const kept = new Set(found.map(([, material]) => material));
  destroyAll(materials.filter((material) => !kept.has(material)));
  return new Map(found);
}

/** Every key anywhere in the Secret, managed or not, including burnt keys, and of a list its beginning: for an emergency. */
export function allMaterials(secret: Secret, names: DataNames): readonly KeyMaterial[] {
  const signing = names.signingNames.filter((name) => own(secret.data, name) !== undefined);
  return distinct([
    ...signing.map((name) => materialIn(secret, name)),
    ...besideIn(secret, names),
    ...firstOf(listedIn(secret, DATA.burnt)),
  ]);
}

/** The burnt keys that rekey must still ask pods about, by key id. */
export function burntMaterialsOf(secret: Secret, keyset: Keyset): ReadonlyMap<Kid, KeyMaterial> {
  return byKid(keyset.burnt, listedIn(secret, DATA.burnt));
}

/** A merge patch: everything that it does not name stays unchanged. */
export interface SecretPatch {
  readonly metadata: {
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string | null>>;
  };
  readonly data?: Readonly<Record<string, string | null>>;
}

/**
 * @param materials of every key in the keyset; undefined for a write that changes annotations only
 * @param burnt keys that rekey asks pods about during the phase Burning; they leave with that phase
 * @returns the patch that puts the keyset into the Secret
 */
export function patchFor(
  keyset: Keyset,
  materials: ReadonlyMap<Kid, KeyMaterial> | undefined,
  names: NamesToWrite,
  burnt: readonly KeyMaterial[] = [],
): SecretPatch {
  const annotations = {
    // removes annotations that an earlier Secret of this name may have left behind
    ...Object.fromEntries(Object.values(STATE).map((name) => [name, null])),
    ...encodeState(keyset),
    'reloader.stakater.com/ignore': 'true',
    [LAST_APPLIED]: null,
    [ACCEPT_RETIRED]: null,
  };
  const metadata = { labels: { 'app.kubernetes.io/managed-by': 'rekey' }, annotations };
  const data = {
    ...(materials && dataFor(keyset, materials, names)),
    ...(keyset.emergency && { [DATA.burnt]: keyset.phase === 'Burning' ? listOf(burnt) : null }),
  };
  return Object.keys(data).length === 0 ? { metadata } : { metadata, data };
}
