/** A resource in each state that rekey's status can tell, with what GitOps tools should make of it. */
import type { Finding, Reason } from '../../../src/rotation/api/finding.ts';
import type { JwtKeyRotation } from '../../../src/rotation/api/names.ts';
import type { Facts } from '../../../src/rotation/facts.ts';
import type { Keyset } from '../../../src/rotation/keyset/keyset.ts';
import type { Decision } from '../../../src/rotation/plan/decision.ts';
import { plan } from '../../../src/rotation/plan/plan.ts';
import { invalidStatus, statusOf } from '../../../src/rotation/report/status.ts';
import { DONE, DRAINING, facts, PROMOTING, RETIRING, STAGING, STEADY, T0 } from '../rotation/builders.ts';

/** In the words of Argo CD, and in those of Flux without and with the expressions of the page. */
export interface Expected {
  readonly argo: 'Healthy' | 'Progressing' | 'Suspended' | 'Degraded';
  readonly kstatus: 'Current' | 'InProgress';
  readonly flux: 'Current' | 'InProgress' | 'Failed';
}

const WELL: Expected = { argo: 'Healthy', kstatus: 'Current', flux: 'Current' };
const WAITS: Expected = { argo: 'Progressing', kstatus: 'InProgress', flux: 'InProgress' };
const PAUSED: Expected = { ...WAITS, argo: 'Suspended' };
const DEGRADED: Expected = { argo: 'Degraded', kstatus: 'InProgress', flux: 'Failed' };

/** All reasons there are, and what each means; those of the fourth kind are of a condition of their own. */
const BY_REASON: Readonly<Record<Reason, Expected>> = {
  ...{ InvalidDuration: DEGRADED, InvalidDataKey: DEGRADED, InvalidCanary: DEGRADED, InvalidSchedule: DEGRADED },
  ...{ InvalidTimeZone: DEGRADED, InvalidWindow: DEGRADED, WindowTooShort: DEGRADED, PeriodTooShort: DEGRADED },
  ...{ NotSupported: DEGRADED, SecretImmutable: DEGRADED, SecretTypeUnsupported: DEGRADED, KeyNotFound: DEGRADED },
  ...{ KeysDiffer: DEGRADED, KeyMalformed: DEGRADED, KeyCopied: DEGRADED, AlgorithmDiffers: DEGRADED },
  ...{ KeyIdUnusable: DEGRADED, StateUnreadable: DEGRADED, ForeignWriter: DEGRADED, KeyResurrected: DEGRADED },
  ...{ LedgerUnreadable: DEGRADED, SecretDeleted: DEGRADED, SecretConflict: DEGRADED, Forbidden: DEGRADED },
  ...{
    WriteRefused: DEGRADED,
    WriteFailed: DEGRADED,
    TargetNotFound: DEGRADED,
    TargetPaused: DEGRADED,
    TargetNotConsuming: DEGRADED,
  },
  ...{ LiteralInManifest: DEGRADED, ShadowedBy: DEGRADED, NotConsumed: DEGRADED, CanaryMissing: DEGRADED },
  ...{ UnlistedConsumer: DEGRADED, ReloaderPresent: DEGRADED, DisruptionBlocked: DEGRADED, RolloutFailed: DEGRADED },
  ...{ RolloutStalled: DEGRADED, JobRunning: DEGRADED, ClockSkew: DEGRADED, CanaryVoid: DEGRADED },
  ...{ CanaryRefused: DEGRADED, SingleKeyService: DEGRADED, KeyStillAccepted: DEGRADED, PodStale: DEGRADED },
  ...{ PauseUnreadable: DEGRADED, AbortRequested: DEGRADED, UnsafeWrite: DEGRADED },
  ...{ RolloutInProgress: WAITS, CanaryUnanswered: WAITS, BackingOff: WAITS, FoundKeysDraining: WAITS },
  ...{ Paused: PAUSED, Suspended: WELL, OutsideWindow: WELL },
};

const PHASES: readonly (readonly [string, Keyset])[] = [
  ...[['Steady', STEADY] as const, ['Staging', STAGING] as const, ['Promoting', PROMOTING] as const],
  ...[['Draining', DRAINING] as const, ['Retiring', RETIRING] as const, ['Steady after a rotation', DONE] as const],
  ...[
    ['Aborting', { ...STAGING, phase: 'Aborting' }] as const,
    ['Switching', { ...STAGING, phase: 'Switching' }] as const,
  ],
];

const spec = { successfulRotationsHistoryLimit: 3, failedRotationsHistoryLimit: 3 };
const type = { apiVersion: 'rekey.dev/v1alpha1', kind: 'JwtKeyRotation' };
const made = {
  ...type,
  metadata: { name: 'jwt', namespace: 'shop', generation: 2 },
  spec,
} as unknown as JwtKeyRotation;

/** As the CRD of before made it: nobody has looked at it, and it says nothing. */
export const BEFORE: object = made;

const withStatus = (status: object | undefined) => ({
  ...made,
  ...(status && { status }),
});

function told(seen: Facts, edit: Partial<Decision> = {}) {
  return withStatus(statusOf(made, seen, { ...plan(seen), ...edit }));
}

const finding = (reason: Reason): Finding => ({ reason, message: `why it is ${reason}` });
const emergency = { nonce: '1', reason: 'leak', writtenAt: T0 };

/** Each with a name, a resource and what is expected of it. */
export const STATES: readonly (readonly [string, object, Expected])[] = [
  ...PHASES.map(([phase, keyset]) => [`in the phase ${phase}`, told(facts(keyset)), WELL] as const),
  ...Object.entries(BY_REASON).map(([reason, expected]) => {
    const blocked = told(facts(STEADY), { blocked: finding(reason as Reason) });
    return [`at rest, with ${reason}`, blocked, expected] as const;
  }),
  ...Object.entries(BY_REASON).map(([reason, expected]) => {
    const stalled = told(facts(DRAINING), { stalled: finding(reason as Reason) });
    return [`in a rotation, with ${reason}`, stalled, expected] as const;
  }),
  [
    'that waits too long for an answer',
    told(facts(STEADY), { blocked: { ...finding('CanaryUnanswered'), lasting: true } }),
    DEGRADED,
  ],
  ['with a spec that is refused', withStatus(invalidStatus(made, finding('InvalidSchedule'), T0)), DEGRADED],
  ['whose Secret is not adopted yet', told(facts(STEADY, { secret: { kind: 'Absent' }, targets: [] })), WAITS],
  ['in an emergency', told(facts({ ...STEADY, phase: 'Burning', emergency })), WAITS],
  [
    'with a ledger that cannot be written',
    told({ ...facts(STEADY), ledgerRefusal: finding('WriteRefused') }),
    { ...DEGRADED, kstatus: 'Current' },
  ],
  [
    'whose newest spec nobody has seen',
    { ...told(facts(STEADY)), metadata: { ...made.metadata, generation: 3 } },
    WAITS,
  ],
  ['as the API server makes it, before the operator has seen it', withStatus({ observedGeneration: -1 }), WAITS],
];
