/**
 * What a write of the Secret starts from: its keyset and bytes, or replacements for them if the Secret is new to rekey,
 * gone, or unreadable.
 */
import { defined } from '../../base/objects.ts';
import type { Secret } from '../../kube/types.ts';
import type { Facts, SecretFacts } from '../facts.ts';
import { foundKeyset, lostKeyset } from '../keyset/before.ts';
import { type Keyset, type Kid, MAX_VERSION } from '../keyset/keyset.ts';
import { believedVersion, burntIn, type Ledger, livingIn } from '../keyset/ledger.ts';
import type { FreshKey, Write } from '../keyset/writes.ts';
import { onePreviousIn, tooNarrow } from '../settings/layouts.ts';
import type { Settings } from '../settings/settings.ts';
import { foundMaterials } from './adoption.ts';
import { keyIdsIn } from './key-ids.ts';
import { destroyAll, fingerprintOf, type KeyMaterial, type NamedKey, nameKey } from './keys.ts';
import { allMaterials, materialsOf, readSecret } from './secret.ts';
import { weaknessOf } from './strength.ts';

/** A version this close to the highest readable one was invented, so an emergency does not continue from it. */
const HEADROOM = 1_000_000;

export interface WriteStart {
  readonly before: Keyset;
  readonly materials: ReadonlyMap<Kid, KeyMaterial>;
  /** The keys that an emergency burns. */
  readonly burnt: readonly KeyMaterial[];
}

/**
 * @param fresh the new key, if the write makes one
 * @returns undefined if the Secret is not what the write was planned for
 */
export function writeStart(
  write: Write,
  secret: Secret | undefined,
  { settings, ledger, secret: seen }: Pick<Facts, 'settings' | 'ledger' | 'secret'>,
  fresh: NamedKey,
  now: number,
): WriteStart | undefined {
  const none = { materials: new Map<Kid, KeyMaterial>(), burnt: [] };
  const found = (signing: FreshKey, others: readonly FreshKey[], version: number): Keyset => {
    // with the staged key and the ack key
    const needed = others.length + 2;
    const onePrevious = onePreviousIn(settings).length > 0 || tooNarrow(settings, needed).length > 0;
    return { ...foundKeyset(signing, others, version, now, onePrevious), burnt: burntIn(ledger) };
  };
  if (write.transition === 'create') return { before: found(fresh, [], write.version), ...none };
  if (write.transition === 'burn') return burnStart(write, secret, { settings, ledger, seen }, now);
  if (secret === undefined) return undefined;
  if (write.transition === 'adopt') {
    const keys = foundMaterials(secret, settings);
    const kids = keyIdsIn(secret, settings, keys);
    const [signing, ...others] = keys.map((key, i) => foundKey(key, kids[i]));
    if (signing?.fingerprint !== write.fingerprint) {
      destroyAll(keys);
      return undefined;
    }
    const materials = new Map([signing, ...others].map(({ kid, material }) => [kid, material]));
    return { before: found(signing, others, write.version), materials, burnt: [] };
  }
  const reading = readSecret(secret, settings);
  if (reading.kind !== 'Managed') return undefined;
  return { before: reading.keyset, materials: materialsOf(secret, reading.keyset, settings), burnt: [] };
}

/** A key that people made, with its id. */
function foundKey(material: KeyMaterial, kid: Kid | undefined): NamedKey {
  const weakness = weaknessOf(material);
  return { ...nameKey(material, kid), ...defined({ weakness }) };
}

/** An emergency burns everything in the Secret, including what rekey did not write. */
function burnStart(
  write: Extract<Write, { transition: 'burn' }>,
  secret: Secret | undefined,
  { settings, ledger, seen }: { readonly settings: Settings; readonly ledger: Ledger; readonly seen: SecretFacts },
  now: number,
): WriteStart {
  const burnt = secret === undefined ? [] : allMaterials(secret, settings);
  // a state that cannot be true is ignored
  const known = seen.kind === 'Managed' || seen.kind === 'Refused' ? seen.keyset : undefined;
  const countable = known !== undefined && known.version < MAX_VERSION - HEADROOM;
  const current = countable && known.version >= believedVersion(ledger);
  // if the Secret is from a backup, it is unknown what containers have loaded since
  const before = { ...lostKeyset(write.version, now), ...(current && known) };
  const lost = current ? [] : [...(known?.keys ?? []), ...livingIn(ledger)];
  const asBurnt = ({ kid, fingerprint }: Pick<NamedKey, 'kid' | 'fingerprint'>) => ({ kid, fingerprint, burntAt: now });
  const also = [...lost, ...burnt.map((key) => nameKey(key))].map(asBurnt);
  // keys that can be guessed may have one fingerprint: pods are asked about each
  const alike = [...Map.groupBy(burnt, fingerprintOf).values()].flatMap(([, ...others]) => others);
  const named = new Set(before.keys.map(({ fingerprint }) => fingerprint));
  const all = [...(known?.burnt ?? []), ...burntIn(ledger), ...also].filter(({ fingerprint }) => {
    const first = !named.has(fingerprint);
    named.add(fingerprint);
    return first;
  });
  return {
    before: { ...before, handled: known?.handled ?? {}, burnt: [...all, ...alike.map((key) => asBurnt(nameKey(key)))] },
    materials: new Map(),
    burnt,
  };
}
