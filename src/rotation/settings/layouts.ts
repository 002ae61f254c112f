/**
 * What the data keys beside the signing key hold. Each layout is for one kind of service; the names in spec.secretKeys
 * other than `layout` are short forms of three of them.
 */

export type Format = 'Text' | 'CommaList' | 'JsonArray' | 'Jwks';

export interface Layout {
  /** With format Text one data key for each key; otherwise one data key for all. */
  readonly names: readonly string[];
  readonly format: Format;
  readonly content: 'Fallbacks' | 'All';
  /** The most keys that the data key may hold; absent: no bound. */
  readonly max?: number;
  /** The data key from which the same services read the signing key, if the spec names it here. */
  readonly signing?: string;
}

/** Names of the data keys beside the signing key. Empty: not wanted. */
export interface Beside {
  readonly fallbacksName: string;
  readonly previousName: string;
  readonly jwksName: string;
  readonly layouts: readonly Layout[];
}

/** @returns every layout, those with a short form first */
export function layoutsOf({ fallbacksName, previousName, jwksName, layouts }: Beside): readonly Layout[] {
  const short: readonly Layout[] = [
    { names: [fallbacksName], format: 'CommaList', content: 'Fallbacks' },
    { names: [previousName], format: 'Text', content: 'Fallbacks' },
    { names: [jwksName], format: 'Jwks', content: 'All' },
  ];
  return [...short.filter(({ names }) => names.every((name) => name !== '')), ...layouts];
}

/** @returns how many keys fit beside the signing key */
export function roomIn({ names, format, content, max = Number.POSITIVE_INFINITY }: Layout): number {
  if (format === 'Text') return names.length;
  return content === 'All' ? max - 1 : max;
}

/** @returns the layouts of services that know one key besides the signing key: the ack key does not fit beside a real one */
export function onePreviousIn(beside: Beside): readonly Layout[] {
  return layoutsOf(beside).filter((layout) => roomIn(layout) === 1);
}

/**
 * @param count keys besides the one that signs, the ack key included
 * @returns the layouts that should show all of them but cannot. Layouts of one previous key never show all
 */
export function tooNarrow(beside: Beside, count: number): readonly Layout[] {
  return layoutsOf(beside).filter((layout) => roomIn(layout) > 1 && roomIn(layout) < count);
}

/**
 * @returns the layouts with too little room, for people, such as `AUTH_SECRET_2, AUTH_SECRET_1 (2 keys besides the one
 *   that signs)`
 */
export function narrowText(layouts: readonly Layout[]): string {
  return layouts
    .map((layout) => `${layout.names.join(', ')} (${roomIn(layout)} keys besides the one that signs)`)
    .join('; ');
}

/**
 * What each data key of a layout holds. If there are fewer keys than data keys, the last key fills the rest, so none is
 * ever empty. A list with the signing key has it first.
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
