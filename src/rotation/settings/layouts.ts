/**
 * What the data keys hold that are read beside the signing key. Each layout is what one kind of service reads; the names in
 * spec.secretKeys other than `layout` are short forms of three of them.
 */

export type Format = 'Text' | 'CommaList' | 'JsonArray' | 'Jwks';

export interface Layout {
  /** One data key for each key where the format is Text; otherwise one data key for all. */
  readonly names: readonly string[];
  readonly format: Format;
  readonly content: 'Fallbacks' | 'All';
  /** The most keys that the data key may hold; absent: no bound. */
  readonly max?: number;
  /** The data key of the signing key that the same services read, where the spec names it here. */
  readonly signing?: string;
}

/** Names of the data keys beside the signing key. Empty: not wanted. */
export interface Beside {
  readonly fallbacksName: string;
  readonly previousName: string;
  readonly jwksName: string;
  readonly layouts: readonly Layout[];
}

/** @returns every layout: those that have a short form first */
export function layoutsOf({ fallbacksName, previousName, jwksName, layouts }: Beside): readonly Layout[] {
  const short: readonly Layout[] = [
    { names: [fallbacksName], format: 'CommaList', content: 'Fallbacks' },
    { names: [previousName], format: 'Text', content: 'Fallbacks' },
    { names: [jwksName], format: 'Jwks', content: 'All' },
  ];
  return [...short.filter(({ names }) => names.every((name) => name !== '')), ...layouts];
}

/** @returns how many keys fit beside the one that signs */
export function roomIn({ names, format, content, max = Number.POSITIVE_INFINITY }: Layout): number {
  if (format === 'Text') return names.length;
  return content === 'All' ? max - 1 : max;
}

/** @returns the layouts of services that know one key besides the one that signs: the ack key does not fit beside a real one */
export function onePreviousIn(beside: Beside): readonly Layout[] {
  return layoutsOf(beside).filter((layout) => roomIn(layout) === 1);
}

/**
 * @param count keys besides the one that signs, the ack key included
 * @returns the layouts that must show all of them and cannot. Those of one previous key never show all
 */
export function tooNarrow(beside: Beside, count: number): readonly Layout[] {
  return layoutsOf(beside).filter((layout) => roomIn(layout) > 1 && roomIn(layout) < count);
}

/** @returns what holds too few keys, for people, such as `AUTH_SECRET_2, AUTH_SECRET_1 (2 keys besides the one that signs)` */
export function narrowText(layouts: readonly Layout[]): string {
  return layouts
    .map((layout) => `${layout.names.join(', ')} (${roomIn(layout)} keys besides the one that signs)`)
    .join('; ');
}

/**
 * What each data key of a layout holds. Where there are fewer keys than data keys, the last key stands in the rest, so none is
 * ever empty. The key that signs stands first in a list that has it.
 *
 * @param others ids of the keys besides the one that signs, the ack key last
 */
export function contentOf<Id>(
  { names, format, content }: Layout,
  sign: Id,
  others: readonly Id[],
): readonly (readonly [name: string, ids: readonly Id[]])[] {
  if (format === 'Text') return names.map((name, i) => [name, [others[i] ?? others.at(-1) ?? sign]]);
  const ids = content === 'All' ? [sign, ...others] : others;
  return names.map((name) => [name, ids]);
}
