/** Finds known keys in the bytes of a .env file: as values, in comments, and inside of other text. */
import { KeySearch } from '../rotation/secret/key-search.ts';
import { fingerprintOf, isGuessable, KeyMaterial } from '../rotation/secret/keys.ts';

/** A line with a key. */
export interface KeyPlace {
  /** From 1. */
  readonly line: number;
  /** The variable to which the line assigns it, also in a comment. */
  readonly name?: string;
  /** Whether a program that reads the file takes it from there. */
  readonly isAssigned: boolean;
  /** Only the short fingerprint of a key that can be guessed is the same: it may be another key. */
  readonly isLikely: boolean;
}

/** Which keys to find. */
export interface Wanted {
  /** @returns whether the whole value is one of them */
  isKey(value: Buffer, name: string): 'yes' | 'likely' | 'no';
  /** @returns whether one of them stands somewhere in a text. Keys that can be guessed would match by chance, and do not count */
  standsIn(text: Buffer): boolean;
  /** Whether the search stopped at its limit, so that what was not found is not known. */
  readonly exhausted: boolean;
}

const LINE = /^[ \t]*(#[# \t]*)?(?:export[ \t]+)?([A-Za-z_][\w.-]*)[ \t]*[=:](.*)$/;
const QUOTED = /^(["'`])(.*)\1(?:[ \t]+#.*)?$/;

/** @param keys of which the bytes are at hand: they are compared exactly */
export function wantedKeys(keys: readonly KeyMaterial[]): Wanted {
  const strong = keys.filter((key) => key.use((bytes) => !isGuessable(bytes)));
  const search = new KeySearch(strong.map(fingerprintOf));
  return {
    isKey: (value) => (keys.some((key) => key.use((bytes) => bytes.equals(value))) ? 'yes' : 'no'),
    standsIn: (text) =>
      strong.some((key) => key.use((bytes) => text.includes(bytes))) || search.finds(Buffer.from(text)),
    get exhausted() {
      return search.exhausted;
    },
  };
}

/**
 * @param fingerprints of keys of which nobody has the bytes
 * @param keyNames variables that hold keys; elsewhere a short fingerprint would match by chance
 */
export function wantedFingerprints(fingerprints: readonly string[], keyNames: readonly string[]): Wanted {
  const known = new Set(fingerprints);
  const search = new KeySearch(fingerprints);
  return {
    isKey: (value, name) => {
      const fingerprint = fingerprintOf(new KeyMaterial(value));
      if (!known.has(fingerprint)) return 'no';
      if (!fingerprint.startsWith('weak-')) return 'yes';
      return keyNames.includes(name) ? 'likely' : 'no';
    },
    standsIn: (text) => search.finds(Buffer.from(text)),
    get exhausted() {
      return search.exhausted;
    },
  };
}

/** @returns each line with one of the keys, in the order of the file */
export function placesIn(bytes: Buffer, wanted: Wanted): readonly KeyPlace[] {
  // most files have none, and are not searched line by line
  const isSearched = wanted.standsIn(bytes);
  return bytes
    .toString('latin1')
    .replace(/^\u00ef\u00bb\u00bf/, '')
    .split('\n')
    .flatMap((text, i): KeyPlace[] => {
      const [, hash, name, value = ''] = LINE.exec(text) ?? [];
      const found = name === undefined ? 'no' : valueIn(value, name, wanted);
      if (found === 'no' && !(isSearched && wanted.standsIn(Buffer.from(text, 'latin1')))) return [];
      const isAssigned = name !== undefined && hash === undefined;
      return [{ line: i + 1, ...(name !== undefined && { name }), isAssigned, isLikely: found === 'likely' }];
    });
}

/** A pattern with blanks would take long for a line of blanks. */
function withoutComment(value: string): string {
  for (let at = value.indexOf('#'); at !== -1; at = value.indexOf('#', at + 1)) {
    if (at === 0 || value[at - 1] === ' ' || value[at - 1] === '\t') return value.slice(0, at).trimEnd();
  }
  return value;
}

/** A value may be a list of keys. */
function valueIn(value: string, name: string, wanted: Wanted): 'yes' | 'likely' | 'no' {
  const whole = value.trim();
  const [, , inner] = QUOTED.exec(whole) ?? [];
  const bare = inner ?? withoutComment(whole);
  const found = [bare, ...bare.split(',')]
    .filter((part) => part !== '')
    .map((part) => wanted.isKey(Buffer.from(part, 'latin1'), name));
  if (found.includes('yes')) return 'yes';
  return found.includes('likely') ? 'likely' : 'no';
}
