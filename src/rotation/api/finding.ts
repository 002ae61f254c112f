/**
 * Why rekey does not go on: a word for machines and a sentence for people. The words are part of the API.
 */
export type Reason =
  // the resource
  | 'InvalidDuration'
  | 'InvalidDataKey'
  | 'InvalidCanary'
  | 'InvalidSchedule'
  | 'InvalidTimeZone'
  | 'InvalidWindow'
  | 'WindowTooShort'
  | 'PeriodTooShort'
  | 'NotSupported'
  // the Secret
  | 'SecretImmutable'
  | 'SecretTypeUnsupported'
  | 'KeyNotFound'
  | 'KeysDiffer'
  | 'KeyMalformed'
  | 'KeyCopied'
  | 'AlgorithmDiffers'
  | 'KeyIdUnusable'
  | 'StateUnreadable'
  | 'ForeignWriter'
  | 'KeyResurrected'
  | 'LedgerUnreadable'
  | 'SecretDeleted'
  | 'SecretConflict'
  | 'Forbidden'
  | 'WriteRefused'
  // the targets
  | 'TargetNotFound'
  | 'TargetPaused'
  | 'TargetNotConsuming'
  | 'LiteralInManifest'
  | 'ShadowedBy'
  | 'NotConsumed'
  | 'CanaryMissing'
  | 'UnlistedConsumer'
  | 'ReloaderPresent'
  | 'DisruptionBlocked'
  | 'RolloutInProgress'
  | 'RolloutFailed'
  | 'RolloutStalled'
  | 'JobRunning'
  // the clocks
  | 'ClockSkew'
  // the pods
  | 'CanaryVoid'
  | 'CanaryRefused'
  | 'CanaryUnanswered'
  | 'SingleKeyService'
  | 'KeyStillAccepted'
  | 'PodStale'
  // people
  | 'Suspended'
  | 'Paused'
  | 'PauseUnreadable'
  | 'AbortRequested'
  | 'OutsideWindow'
  | 'BackingOff'
  | 'FoundKeysDraining'
  // never
  | 'UnsafeWrite';

export interface Finding {
  readonly reason: Reason;
  /** What is wrong, where (field, pod, key id) and what to do. */
  readonly message: string;
  /** It has not gone away in the time in which it does as a rule: a person must look. */
  readonly lasting?: true;
}

const WISHES: readonly Reason[] = ['Suspended', 'OutsideWindow'];
const PASSING: readonly Reason[] = [
  ...WISHES,
  'Paused',
  'RolloutInProgress',
  'CanaryUnanswered',
  'BackingOff',
  'FoundKeysDraining',
];

const BY_HAND: readonly Reason[] = [
  'ForeignWriter',
  'KeyResurrected',
  'LedgerUnreadable',
  'SecretDeleted',
  'StateUnreadable',
  'UnsafeWrite',
];

/** @returns whether the state of the keys must be settled by hand before anything goes on */
export function isDegrading({ reason }: Finding): boolean {
  return BY_HAND.includes(reason);
}

/** @returns whether it is somebody's wish and no fault */
export function isWish({ reason }: Finding): boolean {
  return WISHES.includes(reason);
}

/** @returns whether it goes away without anybody's help, or was asked for: no reason to call anybody */
export function isPassing({ reason, lasting }: Finding): boolean {
  return PASSING.includes(reason) && lasting !== true;
}

/** A check of one thing: each finding of it, none where nothing is wrong. */
export type Policy<Input> = (input: Input) => readonly Finding[];

/** @returns what all policies find, in their order */
export function findingsOf<Input>(policies: readonly Policy<Input>[], input: Input): readonly Finding[] {
  return policies.flatMap((policy) => policy(input));
}

/** @returns the first, which says how many there are besides; undefined if there is none */
export function inShort(findings: readonly Finding[]): Finding | undefined {
  const [first, ...others] = findings;
  if (first === undefined || others.length === 0) return first;
  const things = others.length === 1 ? 'one more thing is' : `${others.length} more things are`;
  return { ...first, message: `${first.message} (${things} in the way: kubectl rekey check lists all)` };
}
