/** Names of resources as people type them. */

/** As kubectl prints and takes names, such as `jkr/my-jwt`. */
const WITH_TYPE = /^(?:jkr|jwtkeyrotations?(?:\.rekey\.dev)?)\/(?=.)/;

/** @returns the name alone */
export function typedName(word: string): string {
  return word.replace(WITH_TYPE, '');
}
