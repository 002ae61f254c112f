/**
 * @param name one that people chose: every object has a `constructor` and a `__proto__`, and these are names like any other
 * @returns what the map itself has under this name
 */
export function own<T>(map: Readonly<Record<string, T>> | undefined, name: string): T | undefined {
  return map !== undefined && Object.hasOwn(map, name) ? map[name] : undefined;
}
