/**
 * The preload as it is delivered: what tools/gen-preload.ts has made of keyring/preload.
 */
import preload from './preload.json' with { type: 'json' };

export const LANGUAGES = ['node', 'python', 'ruby'] as const;
export type Language = (typeof LANGUAGES)[number];

/** How a language is made to load its file. */
export interface Loading {
  /** The variable that does it. */
  readonly variable: string;
  readonly value: string;
  /** Stands between this value and others in the variable. */
  readonly delimiter: string;
  /** It must stand before the others. */
  readonly first?: boolean;
}

export const LOADING: Readonly<Record<Language, Loading>> = preload.languages;
/** With the files; immutable, and named after its content. */
export const CONFIG_MAP = preload.configMap;
export const VOLUME = preload.volume;
/** Where the files are in a container. */
export const FOLDER = preload.folder;
/** Which preload it is: version and hash of the files. */
export const SHOWN = preload.shown;
