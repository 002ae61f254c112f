import { defined } from '../../base/objects.ts';
import { visible } from '../../kube/printable.ts';
import { type Finding, isDegrading } from '../api/finding.ts';
import type { JwtKeyRotation } from '../api/names.ts';
import type { JwtKeyRotationStatus } from '../api/types.ts';
import type { Facts, PodFacts } from '../facts.ts';
import {
  currentShape,
  type Emergency,
  endedRotations,
  type Keyset,
  type RotationRecord,
  secondsOf,
} from '../keyset/keyset.ts';
import type { Assessment, Decision, TargetAssessment } from '../plan/decision.ts';
import { iso } from '../schedule/duration.ts';
import {
  base,
  compromiseContained,
  conditionsOf,
  degraded,
  onSchedule,
  ready,
  reuse,
  rotating,
  toldOf,
  type Verdict,
  verified,
  weakKey,
} from './conditions.ts';

type HistoryEntry = NonNullable<JwtKeyRotationStatus['history']>[number];

/** @param now milliseconds since the epoch */
export function statusOf(resource: JwtKeyRotation, facts: Facts, decision: Decision): JwtKeyRotationStatus {
  const { secret, due, now } = facts;
  const { assessment } = decision;
  const keyset = secret.kind === 'Managed' ? secret.keyset : undefined;
  const finding = decision.stalled ?? decision.blocked;
  const phase = finding !== undefined && isDegrading(finding) ? 'Degraded' : decision.phase;
  return {
    ...remembered(resource),
    ...base(resource),
    phase,
    conditions: conditionsOf(resource, now, {
      Ready: ready(decision, keyset),
      Rotating: rotating(decision, keyset),
      Degraded: degraded(facts, decision),
      Verified: verified(assessment, keyset),
      ...(keyset && { KeyReuse: reuse(facts) }),
      ...weakKey(resource, facts),
      ...onSchedule(resource, facts),
      ...(keyset?.emergency && { CompromiseContained: compromiseContained(resource, keyset.emergency) }),
    }),
    targets: assessment.targets.map(targetStatus),
    ...(due.next !== undefined && { nextRotationTime: iso(due.next) }),
    nextRuns: due.nextRuns.map(iso),
    ...scheduleStatus(resource, facts),
    ...(keyset && keysetStatus(resource, assessment, keyset)),
  };
}

/** The status of a resource whose spec is wrong: nothing of the world was looked at. */
export function invalidStatus(resource: JwtKeyRotation, finding: Finding, now: number): JwtKeyRotationStatus {
  const told = toldOf(finding);
  const before = (type: string): Verdict => {
    const known = resource.status?.conditions?.find((condition) => condition.type === type);
    if (known === undefined) return { status: 'Unknown', ...told };
    return { status: known.status, reason: known.reason, message: known.message };
  };
  return {
    ...resource.status,
    ...base(resource),
    conditions: conditionsOf(resource, now, {
      Ready: { status: 'False', ...told },
      Rotating: before('Rotating'),
      Degraded: { status: 'True', ...told },
      Verified: before('Verified'),
    }),
  };
}

/** What was true of the Secret when it could last be read; overwritten by what is read now. */
function remembered({ status = {} }: JwtKeyRotation): JwtKeyRotationStatus {
  const passing = [
    'phase',
    'conditions',
    'targets',
    'nextRotationTime',
    'nextRuns',
    'drainSeconds',
    'retireNotBefore',
    'scheduledRun',
    'missedRun',
    'rotation',
    'queued',
  ];
  return Object.fromEntries(Object.entries(status).filter(([field]) => !passing.includes(field)));
}

/** What was announced stays known while the Secret cannot be read: it may be missed meanwhile. */
function scheduleStatus(
  { status }: JwtKeyRotation,
  { settings, secret, due, offSchedule }: Facts,
): JwtKeyRotationStatus {
  if (settings.cadence.kind === 'Period') return {};
  const missed = offSchedule?.missedRun;
  const next = due.next === undefined ? undefined : iso(due.next);
  const scheduledRun = secret.kind === 'Managed' ? next : status?.scheduledRun;
  return {
    ...defined({ scheduledRun }),
    ...(missed !== undefined && { missedRun: iso(missed) }),
  };
}

function emergencyStatus(emergency: Emergency) {
  const { writtenAt, goneAt, ...rest } = emergency;
  const seconds = secondsOf(emergency);
  const gone = goneAt !== undefined && seconds !== undefined ? { keyGoneAt: iso(goneAt), seconds } : {};
  return { ...rest, writtenAt: iso(writtenAt), ...gone };
}

function targetStatus({ target, acked, level, waitingFor }: TargetAssessment) {
  return {
    kind: target.settings.kind,
    name: target.settings.name,
    version: target.workload?.templateVersion ?? 0,
    pods: target.pods.length,
    ready: target.workload?.ready ?? 0,
    acked,
    level,
    ...(waitingFor && { waitingFor: waitingStatus(waitingFor) }),
  };
}

function waitingStatus({ name, probe }: PodFacts) {
  return { pod: name, ...(probe?.why !== undefined && { why: visible(probe.why) }) };
}

function keysetStatus(resource: JwtKeyRotation, assessment: Assessment, keyset: Keyset): JwtKeyRotationStatus {
  const { attempts, handled } = keyset;
  const { withdrawn } = handled;
  const { drain, retireAt, queued } = assessment;
  return {
    currentKeyId: currentShape(keyset).sign,
    keysetVersion: keyset.version,
    ...(attempts.rotatedAt !== undefined && { lastRotationTime: iso(attempts.rotatedAt) }),
    ...(drain && { drainSeconds: Math.ceil(drain.lastsMs / 1000) }),
    ...(retireAt !== undefined && { retireNotBefore: iso(retireAt) }),
    ...(attempts.failedAt !== undefined && { lastFailureTime: iso(attempts.failedAt) }),
    failedAttempts: attempts.failures,
    ...(handled.emergencies !== undefined && { lastHandledEmergency: handled.emergencies.at(-1) ?? '' }),
    ...(keyset.emergency && { emergency: emergencyStatus(keyset.emergency) }),
    ...underWay(keyset),
    ...(queued.length > 0 && { queued }),
    ...defined({
      lastHandledRotateAt: handled.rotateAt,
      lastHandledAbortAt: handled.abortAt,
      observedForceReason: handled.forceReason,
      lastHandledWithdrawAt: handled.withdrawAt,
    }),
    ...(withdrawn?.rotateAt !== undefined && { lastWithdrawnRotateAt: withdrawn.rotateAt }),
    ...(withdrawn?.forceReason !== undefined && { withdrawnForceReason: withdrawn.forceReason }),
    history: historyOf(resource, keyset),
  };
}

function underWay({ rotation }: Keyset): Pick<JwtKeyRotationStatus, 'rotation'> {
  if (rotation === undefined || rotation.outcome !== undefined) return {};
  const { id, trigger, actor, reason, from, to, startedAt } = rotation;
  return { rotation: { id, trigger, actor, reason, from, to, startedAt: iso(startedAt) } };
}

/** The last rotations, newest first, as many of each outcome as the spec keeps. */
function historyOf({ spec, status }: JwtKeyRotation, keyset: Keyset): readonly HistoryEntry[] {
  const entries = endedRotations(keyset).reduce(withEntry, status?.history ?? []);
  const good = entries.filter((entry) => entry.outcome === 'Completed').slice(0, spec.successfulRotationsHistoryLimit);
  const bad = entries.filter((entry) => entry.outcome !== 'Completed').slice(0, spec.failedRotationsHistoryLimit);
  return entries.filter((entry) => good.includes(entry) || bad.includes(entry));
}

function withEntry(earlier: readonly HistoryEntry[], rotation: RotationRecord): readonly HistoryEntry[] {
  if (earlier.some((entry) => entry.id === rotation.id)) return earlier;
  const { id, trigger, actor, reason, from, to, startedAt, finishedAt, outcome = 'Completed', failure } = rotation;
  const entry: HistoryEntry = {
    ...{ id, trigger, actor, reason, from, to, outcome },
    startedAt: iso(startedAt),
    ...(finishedAt !== undefined && { finishedAt: iso(finishedAt) }),
    ...(failure && { failure: `${failure.reason}: ${failure.message}` }),
    ...defined({ inferred: rotation.inferred }),
  };
  return [entry, ...earlier];
}
