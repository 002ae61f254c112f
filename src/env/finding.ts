/** One finding about .env files, for people and programs. */

/** An error makes `check` fail. A warning reports a possible problem, or something unknown. */
export type Severity = 'error' | 'warning';

export type EnvReason =
  // keys
  | 'BurntKey'
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
  // the state of rekey
  | 'StateUnreadable'
  | 'StepCutOff'
  | 'EmergencyOpen'
  | 'NotWritten';

/** A finding never has a byte of a key. */
export interface EnvFinding {
  readonly reason: EnvReason;
  readonly severity: Severity;
  /** From the folder of the configuration. */
  readonly file: string;
  readonly line?: number;
  /** Name of the variable. */
  readonly name?: string;
  readonly environment?: string;
  /** Other environments that it also concerns. */
  readonly alsoIn?: readonly string[];
  readonly service?: string;
  /** A sentence or two. */
  readonly message: string;
  /** Commands that fix it, one after the other. */
  readonly fix?: readonly string[];
}

const PLAIN_WORD = /^[A-Za-z0-9_@%+=:,./-]+$/;

/** @returns the text as one word of a shell */
export function shellWord(text: string): string {
  return PLAIN_WORD.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
