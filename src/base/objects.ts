/**
 * Objects as maps of fields: what they have, and what they leave out. An optional field that is read from another one is written
 * `...defined({ finishedAt: ifDefined(finishedAt, iso) })`.
 */

/**
 * @param name one that people chose: every object has a `constructor` and a `__proto__`, and these are names like any other
 * @returns what the map itself has under this name
 */
export function own<T>(map: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  return map !== undefined && Object.hasOwn(map, name) ? map[name] : undefined;
}

/**
 * @param entries by names that people chose
 * @returns a map that has these names only: not even `constructor`, unless it is one of them
 */
export function mapOf<T>(entries: Iterable<readonly [string, T]> = []): Readonly<Record<string, T>> {
  return Object.assign(Object.create(null) as Record<string, T>, Object.fromEntries(entries));
}

/**
 * @param fields some of which may be undefined
 * @returns those that are not, to be spread into an object: a field without a value is left out of it
 */
export function defined<T extends object>(fields: T): { [Name in keyof T]?: Exclude<T[Name], undefined> } {
  const kept = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(kept) as { [Name in keyof T]?: Exclude<T[Name], undefined> };
}

/**
 * @param make called only if there is a value
 * @returns what `make` makes of the value, or undefined if there is none
 */
export function ifDefined<T, R>(value: T | undefined, make: (value: T) => R): R | undefined {
  return value === undefined ? undefined : make(value);
}
