/**
 * Why rekey does not go on: a word for machines and a sentence for people. The words are part of the API.
 */
export type Reason =
  // the resource
  | 'InvalidDuration'
  | 'InvalidDataKey'
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

/** A check of one thing: undefined where nothing is wrong. */
export type Policy<Input> = (input: Input) => Finding | undefined;

/** Runs the policies in order and stops at the first that finds something. */
export function firstFinding<Input>(policies: readonly Policy<Input>[], input: Input): Finding | undefined {
  for (const policy of policies) {
    const finding = policy(input);
    if (finding !== undefined) return finding;
  }
  return undefined;
}
