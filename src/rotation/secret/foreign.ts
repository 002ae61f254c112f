/** Finds keys in a managed Secret that somebody else has put there. */
import type { Secret } from '../../kube/types.ts';
import type { ForeignKeys } from '../keyset/foreign-keys.ts';
import { currentShape, type Keyset } from '../keyset/keyset.ts';
import { layoutsOf } from '../settings/layouts.ts';
import type { DataNames } from '../settings/settings.ts';
import { fingerprintsOf, type KeyMaterial } from './keys.ts';
import { keysAt, listedIn, materialIn } from './secret-data.ts';
import { lastChangeOf } from './writers.ts';

/** @returns the keys in a data key that the keyset does not have, burnt keys among them; undefined if there are none */
export function foreignIn(secret: Secret, dataKey: string, keyset: Keyset, names: DataNames): ForeignKeys | undefined {
  const known = new Set(keyset.keys.map(({ fingerprint }) => fingerprint));
  const fingerprints = fingerprintsOf(keysUnder(secret, dataKey, names)).filter((print) => !known.has(print));
  if (fingerprints.length === 0) return undefined;
  const writtenAt = currentShape(keyset).writtenAt;
  // the time of the writer's last change; people can edit it
  const since = Math.max(writtenAt, lastChangeOf(secret, dataKey) ?? writtenAt);
  return { dataKey, fingerprints, since };
}

function keysUnder(secret: Secret, dataKey: string, names: DataNames): readonly KeyMaterial[] {
  if (names.signingNames.includes(dataKey)) return [materialIn(secret, dataKey)];
  if (dataKey === names.fallbacksName) return listedIn(secret, dataKey);
  const layout = layoutsOf(names).find((each) => each.names.includes(dataKey));
  return (layout && keysAt(secret, dataKey, layout.format)) ?? [];
}
