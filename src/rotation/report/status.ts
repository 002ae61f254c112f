/**
 * The status that people see: what was observed and what is waited for. It is a cache: no key changes
 * because of what it says.
 */

import { visible } from '../../kube/printable.ts';
import { personOf } from '../asked-by.ts';
import type { Facts, TargetFacts } from '../facts.ts';
import { type Finding, isDegrading, isPassing, isWish } from '../finding.ts';
import { iso } from '../iso.ts';
import {
  currentShape,
  type Emergency,
  endedRotations,
  type Keyset,
  keyIn,
  type RotationRecord,
  refusal,
  secondsOf,
} from '../keyset/keyset.ts';
import { type JwtKeyRotation, REQUEST } from '../names.ts';
import { hasAnswered } from '../plan/at-rest.ts';
import { survey } from '../plan/converge.ts';
import type { Decision } from '../plan/decision.ts';
import { DRAINS, lateEdits } from '../plan/edits.ts';
import { levelOf } from '../plan/evidence.ts';
import { pending } from '../plan/pending.ts';
import { label } from '../plan/policies/targets.ts';
import { requirementsOf, verifiers } from '../plan/requirements.ts';
import { drainMsOf } from '../plan/write-gate.ts';
import { keptValue } from '../said.ts';
import type { JwtKeyRotationStatus } from '../types.ts';
import { weakKeysOf } from './weakness.ts';

type Condition = NonNullable<JwtKeyRotationStatus['conditions']>[number];
type HistoryEntry = NonNullable<JwtKeyRotationStatus['history']>[number];
type Verdict = Pick<Condition, 'status' | 'reason' | 'message'>;

/** @param now milliseconds since the epoch */
export function statusOf(resource: JwtKeyRotation, facts: Facts, decision: Decision): JwtKeyRotationStatus {
  const { secret, due, now } = facts;
  const keyset = secret.kind === 'Managed' ? secret.keyset : undefined;
  const finding = decision.stalled ?? decision.blocked;
  const phase = finding !== undefined && isDegrading(finding) ? 'Degraded' : decision.phase;
  return {
    ...remembered(resource),
    ...base(resource),
    phase,
    conditions: conditionsOf(resource, now, {
      Ready: ready(decision, keyset),
      Rotating: withEdits(rotating(decision, keyset), facts, keyset),
      Degraded: degraded(facts, decision),
      Verified: verified(facts, keyset),
      ...(keyset && { KeyReuse: reuse(facts) }),
      ...weakKey(resource, facts),
      ...onSchedule(resource, facts),
      ...(keyset?.emergency && { CompromiseContained: contained(resource, keyset.emergency) }),
    }),
    targets: facts.targets.map((target) => targetStatus(target, facts, keyset)),
    ...(due.next !== undefined && { nextRotationTime: iso(due.next) }),
    nextRuns: due.nextRuns.map(iso),
    ...scheduleStatus(resource, facts),
    ...(keyset && keysetStatus(resource, facts, keyset)),
  };
}

function toldOf({ reason, message }: Finding): Pick<Verdict, 'reason' | 'message'> {
  return { reason, message };
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

function base({ metadata }: JwtKeyRotation) {
  return metadata.generation === undefined ? {} : { observedGeneration: metadata.generation };
}

function conditionsOf(resource: JwtKeyRotation, now: number, verdicts: Readonly<Record<string, Verdict>>): Condition[] {
  const known = resource.status?.conditions ?? [];
  const judged = Object.entries(verdicts).map(([type, verdict]) => {
    const before = known.find((condition) => condition.type === type);
    const since = before?.status === verdict.status ? before.lastTransitionTime : iso(now);
    const message = visible(verdict.message);
    return { type, ...verdict, message, lastTransitionTime: since, ...base(resource) };
  });
  // what cannot be judged now is left as it was: a compromise is not over because the Secret cannot be read
  return [...judged, ...known.filter(({ type }) => !(type in verdicts))];
}

function ready({ blocked, stalled, progress }: Decision, keyset: Keyset | undefined): Verdict {
  const finding = stalled ?? blocked;
  if (finding !== undefined && !isWish(finding)) return { status: 'False', ...toldOf(finding) };
  if (keyset === undefined) return { status: 'False', reason: 'Pending', message: progress };
  if (keyset.phase === 'Burning') return { status: 'False', reason: 'Burning', message: progress };
  if (finding !== undefined) return { status: 'True', ...toldOf(finding) };
  return { status: 'True', reason: keyset.phase === 'Steady' ? 'Steady' : 'RotationInProgress', message: progress };
}

function rotating({ phase, progress, blocked }: Decision, keyset: Keyset | undefined): Verdict {
  const starting = phase === 'Preflight' && blocked === undefined;
  const active = keyset !== undefined && (keyset.phase !== 'Steady' || starting);
  const back = keyset?.rotation?.failure;
  if (active && back !== undefined && GOING_BACK.includes(keyset.phase)) {
    return { status: 'True', reason: 'RollingBack', message: `going back (${back.message}): ${progress}` };
  }
  return { status: active ? 'True' : 'False', reason: phase, message: progress };
}

/** What was edited and counts later is told here, where it is seen whatever else holds the rotation up. */
function withEdits(verdict: Verdict, facts: Facts, keyset: Keyset | undefined): Verdict {
  const late = keyset && lateEdits(facts, keyset);
  return late === undefined ? verdict : { ...verdict, message: `${verdict.message}; ${late}` };
}

/** After an abort it is the phase that tells. */
const GOING_BACK: readonly Keyset['phase'][] = ['Promoting', 'Draining', 'Retiring'];

function degraded({ ledgerRefusal }: Facts, { blocked, stalled }: Decision): Verdict {
  const finding = stalled ?? blocked;
  if (finding !== undefined && !isPassing(finding)) return { status: 'True', ...toldOf(finding) };
  // it holds up nothing, so Ready does not tell it
  if (ledgerRefusal !== undefined) return { status: 'True', ...ledgerRefusal };
  return { status: 'False', reason: 'AsExpected', message: '' };
}

/** Whether the zero is proved or only likely. */
function verified({ targets }: Facts, keyset: Keyset | undefined): Verdict {
  const inferred = verifiers(targets).filter((target) => levelOf(target) === 'Inferred');
  if (inferred.length > 0) {
    const names = inferred.map(({ settings }) => settings.name).join(', ');
    const message = `no canary is declared for ${names}, they know one previous key only, or several containers of a pod take the key: that their pods hold the key is concluded from start times, not observed`;
    return { status: 'False', reason: 'Inferred', message };
  }
  const rotatedAt = keyset?.attempts.rotatedAt;
  if (rotatedAt === undefined) return beforeRotation(targets, keyset);
  const when = `the rotation that was completed at ${iso(rotatedAt)}`;
  switch (keyset?.attempts.evidence) {
    case 'Observed':
      return { status: 'True', reason: 'Canary', message: `${when} rests on an answer of every verifier pod` };
    case 'Inferred':
      return {
        status: 'False',
        reason: 'Inferred',
        message: `${when} rests on conclusions in part: see status.history`,
      };
    default:
      return { status: 'Unknown', reason: 'NotRecorded', message: `of ${when} it is not recorded what it rests on` };
  }
}

function beforeRotation(targets: readonly TargetFacts[], keyset: Keyset | undefined): Verdict {
  const unheard = verifiers(targets).filter((target) => keyset === undefined || !hasAnswered(target, keyset));
  if (unheard.length > 0) {
    const names = unheard.map(label).join(', ');
    const message = `no pod of ${names} has answered a canary yet: whether canaries can tell what it holds is not known`;
    return { status: 'Unknown', reason: 'NotAskedYet', message };
  }
  const message =
    'canaries can tell what pods hold, one of each target has answered; no rotation has been completed yet';
  return { status: 'Unknown', reason: 'NoRotationYet', message };
}

function reuse({ sharedWith, settings }: Facts): Verdict {
  if (sharedWith.length === 0) return { status: 'False', reason: 'AsExpected', message: '' };
  const message = `the key of ${settings.environment} is also that of ${sharedWith.join(', ')}: who can read one Secret can forge tokens for the other; rotate both`;
  return { status: 'True', reason: 'SharedKey', message };
}

/** It is there where something is to be said, and then until that is over. */
function weakKey({ status }: JwtKeyRotation, { secret }: Facts): Readonly<Record<string, Verdict>> {
  if (secret.kind !== 'Managed' && secret.kind !== 'Unmanaged') return {};
  const found = weakKeysOf(secret);
  if (found !== undefined) return { WeakKey: { status: 'True', reason: found.weakness, message: found.message } };
  const told = status?.conditions?.some(({ type }) => type === 'WeakKey') === true;
  return told ? { WeakKey: { status: 'False', reason: 'AsExpected', message: '' } } : {};
}

/** As {@link weakKey}. */
function onSchedule({ status }: JwtKeyRotation, { offSchedule }: Facts): Readonly<Record<string, Verdict>> {
  if (offSchedule !== undefined) {
    const { reason, message } = offSchedule;
    return { OnSchedule: { status: 'False', reason, message } };
  }
  const told = status?.conditions?.some(({ type }) => type === 'OnSchedule') === true;
  return told ? { OnSchedule: { status: 'True', reason: 'AsExpected', message: '' } } : {};
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
    ...(scheduledRun !== undefined && { scheduledRun }),
    ...(missed !== undefined && { missedRun: iso(missed) }),
  };
}

/** The key is dead; whether its leak is understood, only a person can say. */
function contained(resource: JwtKeyRotation, emergency: Emergency): Verdict {
  const { nonce, reason, goneAt } = emergency;
  if (goneAt === undefined) {
    return {
      status: 'False',
      reason: 'Burning',
      message: `emergency ${nonce} (${reason}): some pods may still accept a burnt key`,
    };
  }
  const acknowledged = resource.metadata.annotations?.[REQUEST.contained];
  if (acknowledged !== undefined && keptValue(acknowledged) === nonce) {
    const person = personOf(resource, REQUEST.contained, acknowledged);
    const by = person === undefined ? '' : `, says ${person}`;
    return { status: 'True', reason: 'Acknowledged', message: `the root cause of emergency ${nonce} was found${by}` };
  }
  const how = `set the annotation ${REQUEST.contained}=${nonce} when the root cause is found`;
  return {
    status: 'False',
    reason: 'AwaitingContainment',
    message: `${refusal(emergency)} since ${iso(goneAt)}; ${how}`,
  };
}

function emergencyStatus(emergency: Emergency) {
  const { writtenAt, goneAt, ...rest } = emergency;
  const seconds = secondsOf(emergency);
  const gone = goneAt !== undefined && seconds !== undefined ? { keyGoneAt: iso(goneAt), seconds } : {};
  return { ...rest, writtenAt: iso(writtenAt), ...gone };
}

function targetStatus(target: TargetFacts, facts: Facts, keyset: Keyset | undefined) {
  const requirement = keyset && requirementsOf(facts.targets, keyset).find((item) => item.target === target);
  const met = keyset && requirement ? survey([requirement], keyset).met.length : target.pods.length;
  return {
    kind: target.settings.kind,
    name: target.settings.name,
    version: target.workload?.templateVersion ?? 0,
    pods: target.pods.length,
    ready: target.workload?.ready ?? 0,
    acked: met,
    level: levelOf(target),
  };
}

function keysetStatus(resource: JwtKeyRotation, facts: Facts, keyset: Keyset): JwtKeyRotationStatus {
  const { attempts, handled } = keyset;
  const { withdrawn } = handled;
  const exit = keyIn(keyset, 'draining')?.lastSignerExit;
  return {
    currentKeyId: currentShape(keyset).sign,
    keysetVersion: keyset.version,
    ...(attempts.rotatedAt !== undefined && { lastRotationTime: iso(attempts.rotatedAt) }),
    ...(DRAINS.includes(keyset.phase) && { drainSeconds: Math.ceil(drainMsOf(facts, keyset) / 1000) }),
    ...(exit !== undefined && { retireNotBefore: iso(exit + drainMsOf(facts, keyset)) }),
    ...(attempts.failedAt !== undefined && { lastFailureTime: iso(attempts.failedAt) }),
    failedAttempts: attempts.failures,
    ...(handled.emergencies !== undefined && { lastHandledEmergency: handled.emergencies.at(-1) ?? '' }),
    ...(keyset.emergency && { emergency: emergencyStatus(keyset.emergency) }),
    ...underWay(keyset),
    ...queued(facts, keyset),
    ...(handled.rotateAt !== undefined && { lastHandledRotateAt: handled.rotateAt }),
    ...(handled.abortAt !== undefined && { lastHandledAbortAt: handled.abortAt }),
    ...(handled.forceReason !== undefined && { observedForceReason: handled.forceReason }),
    ...(handled.withdrawAt !== undefined && { lastHandledWithdrawAt: handled.withdrawAt }),
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

function queued({ requests, settings }: Facts, { handled }: Keyset): Pick<JwtKeyRotationStatus, 'queued'> {
  const waiting = pending(requests, settings.forceReason, handled);
  return waiting.length === 0 ? {} : { queued: waiting };
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
    ...(rotation.inferred !== undefined && { inferred: rotation.inferred }),
  };
  return [entry, ...earlier];
}
