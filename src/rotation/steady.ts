/**
 * Nothing is under way: is a rotation wanted, and may it start?
 */
import { backoffUntil } from './cadence.ts';
import { RETRY_MS, survey, toProbe } from './converge.ts';
import type { Decision } from './decision.ts';
import { formatDuration } from './duration.ts';
import { isConclusive } from './evidence.ts';
import type { Facts } from './facts.ts';
import type { Finding } from './finding.ts';
import { guarded } from './guard.ts';
import { currentShape, type Handled, type Keyset, type Trigger } from './keyset.ts';
import { startFinding } from './policies/preflight.ts';
import { requirementsOf } from './requirements.ts';

/** A baseline canary of an earlier minute still tells that the endpoint verifies. */
const BASELINE_AGE_MS = 60_000;

interface Wanted {
  readonly trigger: Trigger;
  readonly actor: string;
  readonly reason: string;
}

export function planSteady(facts: Facts, keyset: Keyset): Decision {
  if (facts.requests.emergency !== undefined) {
    const message =
      'the annotation rekey.dev/emergency is not supported by this version of rekey; remove it and set rekey.dev/rotate-requested-at';
    return idle(facts, { reason: 'NotSupported', message });
  }
  const wanted = wantedRotation(facts, keyset);
  if (wanted === undefined) return idle(facts);
  if (facts.settings.suspend) {
    return idle(facts, {
      reason: 'Suspended',
      message: `spec.suspend is set; a rotation is wanted (${wanted.reason})`,
    });
  }
  const backoff = wanted.trigger === 'Schedule' ? backoffUntil(keyset.attempts) : 0;
  if (facts.now < backoff) return backingOff(facts, keyset, backoff);
  const finding = startFinding(facts);
  if (finding !== undefined) return preflight(finding.message, finding, facts.now + 5_000);
  return baseline(facts, keyset) ?? stage(facts, keyset, wanted);
}

function wantedRotation({ requests, settings, due }: Facts, keyset: Keyset): Wanted | undefined {
  const { handled } = keyset;
  if (requests.rotateAt !== undefined && requests.rotateAt !== handled.rotateAt) {
    const reason = `rekey.dev/rotate-requested-at is ${requests.rotateAt}`;
    return { trigger: 'Annotation', actor: requests.rotateActor ?? 'unknown', reason };
  }
  if (settings.forceReason !== '' && settings.forceReason !== handled.forceReason) {
    return { trigger: 'ForceRotation', actor: 'spec', reason: settings.forceReason };
  }
  if (due.since === undefined) return undefined;
  return { trigger: 'Schedule', actor: 'rekey', reason: `due since ${new Date(due.since).toISOString()}` };
}

function idle({ due }: Facts, blocked?: Finding): Decision {
  const progress =
    due.next === undefined ? 'no rotation is scheduled' : `next rotation ${new Date(due.next).toISOString()}`;
  const action = { type: 'wait', ...(due.next !== undefined && { until: due.next }) } as const;
  return { action, phase: 'Steady', progress, ...(blocked && { blocked }) };
}

function backingOff({ now }: Facts, keyset: Keyset, until: number): Decision {
  const failure = keyset.rotation?.failure;
  const message = `the last rotation failed (${failure?.reason}: ${failure?.message}); tried again in ${formatDuration(until - now)}, or at once on request`;
  return {
    action: { type: 'wait', until },
    phase: 'Steady',
    progress: message,
    blocked: { reason: 'BackingOff', message },
  };
}

function preflight(progress: string, blocked: Finding | undefined, until: number): Decision {
  return { action: { type: 'wait', until }, phase: 'Preflight', progress, ...(blocked && { blocked }) };
}

/** Every verifier must accept the key in use and refuse a made-up one, else its canaries would mean nothing. */
function baseline(facts: Facts, keyset: Keyset): Decision | undefined {
  const { sign } = currentShape(keyset);
  const requirements = requirementsOf(facts.targets, keyset);
  const pods = toProbe(requirements, keyset, facts.now, BASELINE_AGE_MS);
  if (pods.length > 0) {
    return {
      action: { type: 'probe', pods },
      phase: 'Preflight',
      progress: 'asking every verifier whether it verifies',
    };
  }
  const rows = survey(requirements, keyset);
  const silent = [...rows.met, ...rows.unknown].find(
    ({ target, pod }) => target.settings.canary !== undefined && !isConclusive(pod, keyset),
  );
  const retryAt = facts.now + 10 * RETRY_MS;
  if (rows.void[0] !== undefined) {
    const message = `pod ${rows.void[0].pod.name} accepted a token signed with a made-up key: its canary path does not verify tokens`;
    return preflight(message, { reason: 'CanaryVoid', message }, retryAt);
  }
  const refusing = [...rows.stale, ...rows.leaving].find(({ pod }) => !pod.terminating);
  if (refusing !== undefined) {
    const message = `pod ${refusing.pod.name} refused a token signed with the key in use (${sign}): check spec.canary and where the pod gets its key from`;
    return preflight(message, { reason: 'CanaryRefused', message }, retryAt);
  }
  if (silent !== undefined && !silent.pod.terminating) {
    const message = silent.pod.unprobeable ?? `pod ${silent.pod.name} has not answered its canary yet`;
    return preflight(message, { reason: 'CanaryUnanswered', message }, facts.now + RETRY_MS);
  }
  return undefined;
}

function stage(facts: Facts, keyset: Keyset, wanted: Wanted): Decision {
  const { requests, settings } = facts;
  const handled: Handled = {
    ...keyset.handled,
    ...(requests.rotateAt !== undefined && { rotateAt: requests.rotateAt }),
    ...(requests.abortAt !== undefined && { abortAt: requests.abortAt }),
    forceReason: settings.forceReason,
  };
  const rotation = { ...wanted, id: facts.nextRotationId, drainMs: settings.drainMs };
  return guarded(facts, keyset, { transition: 'stage', acked: keyset.acked, handled, rotation }, 'Preflight');
}
