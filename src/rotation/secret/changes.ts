/** Whether the keys of a managed Secret are those of its keyset. */
import { own } from '../../base/objects.ts';
import type { Secret } from '../../kube/types.ts';
import { currentShape, type Keyset, type Kid, keyIn, othersOf } from '../keyset/keyset.ts';
import { contentOf, type Format, type Layout, layoutsOf } from '../settings/layouts.ts';
import type { DataNames } from '../settings/settings.ts';
import { destroyAll, fingerprintsOf, firstOf, type KeyMaterial } from './keys.ts';
import { keysAt, listedIn, materialIn } from './secret-data.ts';

const FORMATS: readonly Format[] = ['Text', 'CommaList', 'JsonArray', 'Jwks'];

/** @returns whether a data key holds a burnt key, in any format; of a long list only the beginning is looked at */
export function holdsBurntKey(secret: Secret, name: string, keyset: Keyset): boolean {
  const found = FORMATS.flatMap((format) => fingerprintsOf(firstOf(keysAt(secret, name, format) ?? [])));
  return keyset.burnt.some(({ fingerprint }) => found.includes(fingerprint));
}

/** @returns the name of the first data key that does not hold what the keyset says */
export function changedData(secret: Secret, keyset: Keyset, names: DataNames): string | undefined {
  const signing = keyIn(keyset, 'signing')?.fingerprint;
  const present = names.signingNames.filter((name) => own(secret.data, name) !== undefined);
  const found = fingerprintsOf(present.map((name) => materialIn(secret, name)));
  const wrong = present.find((_, i) => found[i] !== signing);
  if (wrong !== undefined) return wrong;
  const expected = keyset.keys.filter((key) => key.state !== 'signing').map((key) => key.fingerprint);
  if (!areThese(listedIn(secret, names.fallbacksName), expected)) return names.fallbacksName;
  return layoutsOf(names)
    .filter((layout) => !layout.names.includes(names.fallbacksName))
    .map((layout) => changedIn(secret, keyset, layout))
    .find((name) => name !== undefined);
}

/** In whatever order. A list of another length is not hashed. */
function areThese(materials: readonly KeyMaterial[], fingerprints: readonly string[]): boolean {
  if (materials.length === fingerprints.length) {
    return fingerprintsOf(materials).toSorted().join() === fingerprints.toSorted().join();
  }
  destroyAll(materials);
  return false;
}

/** The next write adds a data key that is new in the spec. */
function changedIn(secret: Secret, keyset: Keyset, layout: Layout): string | undefined {
  const shape = currentShape(keyset);
  const printOf = (kid: Kid) => keyset.keys.find((key) => key.kid === kid)?.fingerprint;
  const contents = contentOf(layout, shape.sign, othersOf(shape, keyset));
  const changed = contents.find(([name, kids]) => {
    if (own(secret.data, name) === undefined) return false;
    const materials = keysAt(secret, name, layout.format) ?? [];
    const expected = kids.map(printOf);
    if (materials.length !== expected.length) {
      destroyAll(materials);
      return true;
    }
    const found = fingerprintsOf(materials);
    // a service may sign with the first key of a list of all keys
    const isFirst = layout.content !== 'All' || found[0] === expected[0];
    return !isFirst || found.toSorted().join() !== expected.toSorted().join();
  });
  return changed?.[0];
}
