/** Why rekey does not continue: a reason for machines and a message for people. Reasons are part of the API. */
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
  | 'WriteFailed'
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
  /** It has lasted longer than such a finding usually does, so a person must look. */
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

/** @returns whether a person must settle the state of the keys before rekey can continue */
export function isDegrading({ reason }: Finding): boolean {
  return BY_HAND.includes(reason);
}

/** @returns whether a person requested it, so that it is not a fault */
export function isWish({ reason }: Finding): boolean {
  return WISHES.includes(reason);
}

/** @returns whether it goes away by itself or was requested, so that nobody needs to act */
export function isPassing({ reason, lasting }: Finding): boolean {
  return PASSING.includes(reason) && lasting !== true;
}

/** Checks one thing. It returns each finding, and none if nothing is wrong. */
export type Policy<Input> = (input: Input) => readonly Finding[];

/** @returns what all policies find, in their order */
export function findingsOf<Input>(policies: readonly Policy<Input>[], input: Input): readonly Finding[] {
  return policies.flatMap((policy) => policy(input));
}

/** @returns the first finding with the number of the others; undefined if there is none */
export function inShort(findings: readonly Finding[]): Finding | undefined {
  const [first, ...others] = findings;
  if (first === undefined || others.length === 0) return first;
  const things = others.length === 1 ? 'one more thing is' : `${others.length} more things are`;
  return { ...first, message: `${first.message} (${things} in the way: kubectl rekey check NAME lists all)` };
}
