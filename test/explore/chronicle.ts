/**
 * Every keyset version as it was really written, by version. The Secret's own history forgets and merges; this does not,
 * so that the oracles never ask the code under test what a container holds.
 */

/** A keyset version with its real keys as a set of bits. */
export interface TrueShape {
  readonly sign: number;
  readonly mask: number;
  /** Number of this combination of keys. */
  readonly id: number;
}

interface Chronicle {
  /** Version of the first shape. */
  readonly from: number;
  readonly shapes: readonly TrueShape[];
  readonly trimmed: Map<number, number>;
}

const shapeIds = new Map<number, TrueShape>();
const ids = new Map<string, number>();
const chronicles: Chronicle[] = [];

export function trueShape(sign: number, mask: number): TrueShape {
  const key = sign * 65_536 + mask;
  const known = shapeIds.get(key);
  if (known !== undefined) return known;
  const shape = { sign, mask, id: shapeIds.size };
  shapeIds.set(key, shape);
  return shape;
}

export function internChronicle(from: number, shapes: readonly TrueShape[]): number {
  const key = `${from}:${shapes.map(({ id }) => id).join()}`;
  const known = ids.get(key);
  if (known !== undefined) return known;
  chronicles.push({ from, shapes, trimmed: new Map() });
  ids.set(key, chronicles.length - 1);
  return chronicles.length - 1;
}

function get(id: number): Chronicle {
  const chronicle = chronicles[id];
  if (chronicle === undefined) throw new Error(`there is no chronicle ${id}`);
  return chronicle;
}

export function chronicleAt(id: number, version: number): TrueShape {
  const { from, shapes } = get(id);
  const shape = shapes[version - from];
  if (shape === undefined) throw new Error(`version ${version} is not in chronicle ${id}`);
  return shape;
}

export function appended(id: number, shape: TrueShape): number {
  const { from, shapes } = get(id);
  return internChronicle(from, [...shapes, shape]);
}

/** Forgets the versions that no container and no node can come back to. */
export function trimmed(id: number, oldest: number): number {
  const { from, shapes, trimmed: known } = get(id);
  if (oldest <= from) return id;
  const found = known.get(oldest);
  if (found !== undefined) return found;
  const made = internChronicle(oldest, shapes.slice(oldest - from));
  known.set(oldest, made);
  return made;
}
