/** The conditions of the status, with their reasons and times. */
import { visible } from '../../kube/printable.ts';
import { type Finding, isPassing, isWish } from '../api/finding.ts';
import { type JwtKeyRotation, REQUEST } from '../api/names.ts';
import { keptValue } from '../api/said.ts';
import type { JwtKeyRotationStatus } from '../api/types.ts';
import type { Facts } from '../facts.ts';
import { type Emergency, type Keyset, refusal } from '../keyset/keyset.ts';
import type { Assessment, Decision, TargetAssessment } from '../plan/decision.ts';
import { personOf } from '../requests/asked-by.ts';
import { iso } from '../schedule/duration.ts';
import { withNames } from './commands.ts';
import { weakKeysOf } from './weakness.ts';

type Condition = NonNullable<JwtKeyRotationStatus['conditions']>[number];

/** The current status of a condition. */
export type Verdict = Pick<Condition, 'status' | 'reason' | 'message'>;

/** @returns the reason and the message of a finding, as a condition shows them */
export function toldOf({ reason, message }: Finding): Pick<Verdict, 'reason' | 'message'> {
  return { reason, message };
}

/** @returns the generation of the spec that a status is for */
export function base({ metadata }: JwtKeyRotation) {
  return metadata.generation === undefined ? {} : { observedGeneration: metadata.generation };
}

/** @returns all conditions: those judged now, with the time of their last change, and those that were not judged */
export function conditionsOf(
  resource: JwtKeyRotation,
  now: number,
  verdicts: Readonly<Record<string, Verdict>>,
): Condition[] {
  const known = resource.status?.conditions ?? [];
  const judged = Object.entries(verdicts).map(([type, verdict]) => {
    const before = known.find((condition) => condition.type === type);
    const since = before?.status === verdict.status ? before.lastTransitionTime : iso(now);
    const message = visible(withNames(verdict.message, resource));
    return { type, ...verdict, message, lastTransitionTime: since, ...base(resource) };
  });
  // conditions that cannot be judged now stay: a compromise is not over because the Secret cannot be read
  return [...judged, ...known.filter(({ type }) => !(type in verdicts))];
}

/** Whether all is well. A pause or suspension by people is not a problem. */
export function ready({ blocked, stalled, progress }: Decision, keyset: Keyset | undefined): Verdict {
  const finding = stalled ?? blocked;
  if (finding !== undefined && !isWish(finding)) return { status: 'False', ...toldOf(finding) };
  if (keyset === undefined) return { status: 'False', reason: 'Pending', message: progress };
  if (keyset.phase === 'Burning') return { status: 'False', reason: 'Burning', message: progress };
  if (finding !== undefined) return { status: 'True', ...toldOf(finding) };
  return { status: 'True', reason: keyset.phase === 'Steady' ? 'Steady' : 'RotationInProgress', message: progress };
}

/**
 * Whether a rotation is under way, or about to start. It also reports edits that apply later, because people see them
 * here whatever else blocks the rotation.
 */
export function rotating(decision: Decision, keyset: Keyset | undefined): Verdict {
  const verdict = underWay(decision, keyset);
  const { lateEdits } = decision.assessment;
  return lateEdits === undefined ? verdict : { ...verdict, message: `${verdict.message}; ${lateEdits}` };
}

function underWay({ phase, progress, blocked }: Decision, keyset: Keyset | undefined): Verdict {
  const starting = phase === 'Preflight' && blocked === undefined;
  const active = keyset !== undefined && (keyset.phase !== 'Steady' || starting);
  const back = keyset?.rotation?.failure;
  if (active && back !== undefined && GOING_BACK.includes(keyset.phase)) {
    return { status: 'True', reason: 'RollingBack', message: `rolling back (${back.message}): ${progress}` };
  }
  return { status: active ? 'True' : 'False', reason: phase, message: progress };
}

/** For an abort, the phase shows it. */
const GOING_BACK: readonly Keyset['phase'][] = ['Promoting', 'Draining', 'Retiring'];

/** Whether a person is needed. */
export function degraded({ ledgerRefusal }: Facts, { blocked, stalled, assessment }: Decision): Verdict {
  const finding = stalled ?? blocked;
  if (finding !== undefined && !isPassing(finding)) return { status: 'True', ...toldOf(finding) };
  // these block nothing, so Ready does not report them
  if (assessment.foreign !== undefined) return { status: 'True', ...toldOf(assessment.foreign) };
  if (ledgerRefusal !== undefined) return { status: 'True', ...ledgerRefusal };
  return { status: 'False', reason: 'AsExpected', message: '' };
}

/** Whether it is proved, or only likely, that no token is refused. */
export function verified({ targets }: Assessment, keyset: Keyset | undefined): Verdict {
  const verifiers = targets.filter(({ target }) => target.settings.roles.includes('Verifier'));
  const inferred = verifiers.filter(({ level }) => level === 'Inferred');
  if (inferred.length > 0) {
    const names = inferred.map(({ target }) => target.settings.name).join(', ');
    const message = `rekey infers from times, and does not observe, that the pods of ${names} hold the key: no canary is declared, they know only one previous key, or several containers of a pod take the key`;
    return { status: 'False', reason: 'Inferred', message };
  }
  const rotatedAt = keyset?.attempts.rotatedAt;
  if (rotatedAt === undefined) return beforeRotation(verifiers, keyset);
  const when = `the rotation that completed at ${iso(rotatedAt)}`;
  switch (keyset?.attempts.evidence) {
    case 'Observed':
      return { status: 'True', reason: 'Canary', message: `${when} rests on an answer of every verifier pod` };
    case 'Inferred':
      return {
        status: 'False',
        reason: 'Inferred',
        message: `${when} is inferred in part: see status.history`,
      };
    default:
      return { status: 'Unknown', reason: 'NotRecorded', message: `the evidence of ${when} is not recorded` };
  }
}

/** The Secret says nothing of what was before: status.history may. */
const NONE_COMPLETED = 'no rotation has completed since rekey took the Secret over';

function beforeRotation(verifiers: readonly TargetAssessment[], keyset: Keyset | undefined): Verdict {
  // during a rotation every pod is asked about each new keyset
  if (keyset !== undefined && keyset.phase !== 'Steady') {
    return { status: 'Unknown', reason: 'NoRotationYet', message: NONE_COMPLETED };
  }
  const unheard = verifiers.filter(({ hasAnswered }) => !hasAnswered);
  if (unheard.length > 0) {
    const names = unheard.map(({ name }) => name).join(', ');
    const message = `no pod of ${names} has given rekey an answer on which a rotation may rest (those in status.canaryCheck do not count), so it is not known whether canaries can show what it holds`;
    return { status: 'Unknown', reason: 'NotAskedYet', message };
  }
  const message = `${NONE_COMPLETED}; one pod of each target has answered, so canaries can show what pods hold`;
  return { status: 'Unknown', reason: 'NoRotationYet', message };
}

/** Whether another resource holds the same key. */
export function reuse({ sharedWith, settings }: Facts): Verdict {
  if (sharedWith.length === 0) return { status: 'False', reason: 'AsExpected', message: '' };
  const message = `${settings.environment} shares its key with ${sharedWith.join(', ')}: anyone who can read one Secret can forge tokens for the other; rotate both`;
  return { status: 'True', reason: 'SharedKey', message };
}

/** Present once there is something to report, and False after that is over. */
export function weakKey({ status }: JwtKeyRotation, { secret }: Facts): Readonly<Record<string, Verdict>> {
  if (secret.kind !== 'Managed' && secret.kind !== 'Unmanaged') return {};
  const found = weakKeysOf(secret);
  if (found !== undefined) return { WeakKey: { status: 'True', reason: found.weakness, message: found.message } };
  const wasShown = status?.conditions?.some(({ type }) => type === 'WeakKey') === true;
  return wasShown ? { WeakKey: { status: 'False', reason: 'AsExpected', message: '' } } : {};
}

/** As {@link weakKey}. */
export function onSchedule({ status }: JwtKeyRotation, { offSchedule }: Facts): Readonly<Record<string, Verdict>> {
  if (offSchedule !== undefined) {
    const { reason, message } = offSchedule;
    return { OnSchedule: { status: 'False', reason, message } };
  }
  const wasShown = status?.conditions?.some(({ type }) => type === 'OnSchedule') === true;
  return wasShown ? { OnSchedule: { status: 'True', reason: 'AsExpected', message: '' } } : {};
}

/** The key is dead, but only a person can confirm that the cause of the leak is understood. */
export function compromiseContained(resource: JwtKeyRotation, emergency: Emergency): Verdict {
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
  const how = `when you have found the root cause, set the annotation ${REQUEST.contained}=${nonce}`;
  return {
    status: 'False',
    reason: 'AwaitingContainment',
    message: `${refusal(emergency)} since ${iso(goneAt)}; ${how}`,
  };
}
