/** The preload for delivery, which tools/gen-preload.ts makes of keyring/preload. */
import preload from './preload.json' with { type: 'json' };

export const LANGUAGES = ['node', 'python', 'ruby'] as const;
export type Language = (typeof LANGUAGES)[number];

/** How a language loads the preload. */
export interface Loading {
  /** The environment variable that loads it. */
  readonly variable: string;
  readonly value: string;
  /** Separates this value from others in the variable. */
  readonly delimiter: string;
  /** Whether it must come before the others. */
  readonly first?: boolean;
}

export const LOADING: Readonly<Record<Language, Loading>> = preload.languages;
/** The ConfigMap with the files: immutable, and named after its content. */
export const CONFIG_MAP = preload.configMap;
export const VOLUME = preload.volume;
/** The folder of the files in a container. */
export const FOLDER = preload.folder;
/** Version and hash of the files. */
export const SHOWN = preload.shown;
