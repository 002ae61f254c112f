/**
 * What is off with the .env files, one at a time, for people and for programs.
 */

/** An error lets `check` fail; a warning says what may be off, or what nobody knows. */
export type Severity = 'error' | 'warning';

export type EnvReason =
  // keys
  | 'SameKeyInEnvironments'
  | 'PubliclyKnownKey'
  | 'GuessableKey'
  | 'RotationDue'
  | 'KeyDiffers'
  | 'FallbacksDiffer'
  | 'NameMissing'
  | 'KeyEmpty'
  | 'KeyUnfit'
  | 'DuplicateName'
  | 'AmbiguousValue'
  // files
  | 'FileMissing'
  | 'FileUnreadable'
  | 'EnvironmentAbsent'
  | 'EnvironmentIncomplete'
  | 'ReadableByOthers'
  | 'SymbolicLink'
  | 'ShadowedKey'
  | 'LeftoverKey'
  | 'FileNotConfigured'
  | 'NotSearched'
  // Git
  | 'TrackedByGit'
  | 'NotIgnoredByGit'
  | 'GitUnknown'
  | 'StagedKey'
  // the state that rekey keeps
  | 'StateUnreadable';

/** Never with a byte of a key. */
export interface EnvFinding {
  readonly reason: EnvReason;
  readonly severity: Severity;
  /** From the folder of the configuration. */
  readonly file: string;
  readonly line?: number;
  /** Of the variable. */
  readonly name?: string;
  readonly environment?: string;
  /** Other environments that it is about. */
  readonly alsoIn?: readonly string[];
  readonly service?: string;
  /** A sentence or two. */
  readonly message: string;
  /** Commands that mend it, one after the other. */
  readonly fix?: readonly string[];
}

const PLAIN_WORD = /^[A-Za-z0-9_@%+=:,./-]+$/;

/** @returns the text as one word of a shell */
export function shellWord(text: string): string {
  return PLAIN_WORD.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
