/** Finds keys in a Secret that rekey has not put there. */
import { own } from '../../base/objects.ts';
import type { Secret } from '../../kube/types.ts';
import type { StrangeKeys } from '../facts.ts';
import type { Keyset } from '../keyset/keyset.ts';
import { layoutsOf } from '../settings/layouts.ts';
import { besideNames, type DataNames } from '../settings/settings.ts';
import { fingerprintsOf, firstOf, type KeyMaterial } from './keys.ts';
import { keysAt, listedIn, materialIn } from './secret-data.ts';
import { lastChangeOf } from './writers.ts';

/**
 * @param keyset undefined if the annotations tell nothing
 * @returns the keys of the Secret that the keyset does not have, burnt keys among them
 */
export function strangeKeysIn(secret: Secret, names: DataNames, keyset?: Keyset): StrangeKeys {
  const known = new Set(keyset?.keys.map(({ fingerprint }) => fingerprint));
  const present = [...names.signingNames, ...besideNames(names)].filter((name) => own(secret.data, name) !== undefined);
  const found = present.map((name) => {
    return {
      name,
      prints: fingerprintsOf(firstOf(keysUnder(secret, name, names))).filter((print) => !known.has(print)),
    };
  });
  const strange = found.filter(({ prints }) => prints.length > 0);
  const changes = strange.flatMap(({ name }) => lastChangeOf(secret, name) ?? []);
  return {
    dataKeys: keyset === undefined ? [] : strange.map(({ name }) => name),
    fingerprints: [...new Set(strange.flatMap(({ prints }) => prints))],
    ...(keyset !== undefined && changes.length > 0 && { changedAt: Math.min(...changes) }),
  };
}

function keysUnder(secret: Secret, dataKey: string, names: DataNames): readonly KeyMaterial[] {
  if (names.signingNames.includes(dataKey)) return [materialIn(secret, dataKey)];
  if (dataKey === names.fallbacksName) return listedIn(secret, dataKey);
  const layout = layoutsOf(names).find((each) => each.names.includes(dataKey));
  return (layout && keysAt(secret, dataKey, layout.format)) ?? [];
}
