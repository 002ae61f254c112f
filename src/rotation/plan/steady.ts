/**
 * Nothing is under way: is a rotation wanted, and may it start?
 */

import { drainText } from '../drain.ts';
import type { Facts } from '../facts.ts';
import { type Finding, isPassing } from '../finding.ts';
import { iso } from '../iso.ts';
import { currentShape, type Handled, type Keyset, type Kid, keyIn, type Trigger } from '../keyset/keyset.ts';
import type { Start } from '../keyset/transition.ts';
import { REQUEST, requestText } from '../names.ts';
import { backoffUntil } from '../schedule/cadence.ts';
import { formatDuration } from '../schedule/duration.ts';
import { FRESH_MS, type PodOf, RETRY_MS, type Survey, survey, toProbe } from './converge.ts';
import { isBlindToStaged, mayCutOver, planCutover } from './cutover.ts';
import { type Decision, outsideWindow } from './decision.ts';
import { isConclusive } from './evidence.ts';
import { confirmed, guarded } from './guard.ts';
import { disruptionBlocked, startFinding } from './policies/preflight.ts';
import { prestaged, requirementsOf } from './requirements.ts';
import { roll } from './roll.ts';

/** Nothing wakes the resource when a budget changes, milliseconds. */
const BUDGET_RETRY_MS = 30_000;
/** A baseline canary of an earlier minute still tells that the endpoint verifies. */
const BASELINE_AGE_MS = 60_000;

/** With the pauses between them, a minute: a pod that starts slowly has begun to answer by then. */
const LASTING_FAILURES = 8;

interface Wanted {
  readonly trigger: Trigger;
  readonly actor: string;
  readonly reason: string;
}

export function planSteady(facts: Facts, keyset: Keyset): Decision {
  const wanted = wantedRotation(facts, keyset);
  if (wanted === undefined) return firstLook(facts, keyset) ?? idle(facts);
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
  const start = startOf(facts, keyset, wanted);
  if (facts.settings.strategy === 'Cutover') return cutOver(facts, keyset, start);
  const unfit = foundKeysDraining(facts, keyset) ?? baseline(facts, keyset, 'Both');
  if (unfit?.blocked?.reason === 'SingleKeyService' && mayCutOver(facts)) return cutOver(facts, keyset, start);
  if (unfit === undefined && isBlindToStaged(facts) && mayCutOver(facts)) return cutOver(facts, keyset, start);
  return unfit ?? heldPods(facts, keyset) ?? begin(facts, keyset, start);
}

/**
 * Budgets are not watched, so they are looked at afresh before the first write. Where rekey evicts the pods itself, or the
 * controller of a Rollout does, a budget that lets none go would hold the rotation with both keys accepted.
 */
function heldPods(facts: Facts, keyset: Keyset): Decision | undefined {
  // a key that is staged already waits for its window first, for days perhaps
  if (keyIn(keyset, 'staged') !== undefined && !facts.window.open) return undefined;
  const held = disruptionBlocked(facts);
  return held && preflight(held.message, held, facts.now + BUDGET_RETRY_MS);
}

/** With one key only, a pod need not accept the ack key. */
function cutOver(facts: Facts, keyset: Keyset, start: Start): Decision {
  return baseline(facts, keyset, 'One') ?? planCutover(facts, keyset, start);
}

function wantedRotation({ requests, settings, due }: Facts, keyset: Keyset): Wanted | undefined {
  const { handled } = keyset;
  if (requests.rotateAt !== undefined && requests.rotateAt !== handled.rotateAt) {
    const reason = requestText(REQUEST.rotateAt, requests.rotateAt);
    return { trigger: 'Annotation', actor: requests.rotateActor ?? 'unknown', reason };
  }
  if (settings.forceReason !== '' && settings.forceReason !== handled.forceReason) {
    return { trigger: 'ForceRotation', actor: 'spec', reason: settings.forceReason };
  }
  if (due.since === undefined) return undefined;
  return { trigger: 'Schedule', actor: 'rekey', reason: `due since ${iso(due.since)}` };
}

/**
 * What pods hold is not known of a Secret that was taken over: somebody may have changed it after they had started. Each pod is asked
 * once, and who is heard to refuse the key in use is asked again until he is mended.
 */
function firstLook(facts: Facts, keyset: Keyset): Decision | undefined {
  if (keyset.rotation !== undefined) return undefined;
  const requirements = requirementsOf(facts.targets, keyset);
  const finding = spokenFinding(survey(requirements, keyset), keyset, 'One');
  const isNew = ({ pod }: PodOf) => pod.probe?.version !== keyset.version || (pod.ready && !pod.probe.ready);
  const due = toProbe(requirements, keyset, facts.now, BASELINE_AGE_MS);
  const pods = finding === undefined ? due.filter(isNew) : due;
  const rest = idle(facts, finding);
  if (pods.length > 0) return { ...rest, action: { type: 'probe', pods } };
  return finding && { ...rest, action: { type: 'wait', until: facts.now + BASELINE_AGE_MS } };
}

function idle({ due }: Facts, blocked?: Finding): Decision {
  const progress = due.next === undefined ? 'no rotation is scheduled' : `next rotation ${iso(due.next)}`;
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

/** Keys that were found beside the signing key at adoption leave with the next rotation, so their tokens must be dead. */
function foundKeysDraining({ now, settings }: Facts, keyset: Keyset): Decision | undefined {
  const exits = keyset.keys.flatMap(({ state, lastSignerExit }) =>
    state === 'draining' ? (lastSignerExit ?? now) : [],
  );
  const until = Math.max(0, ...exits.map((exit) => exit + settings.drainMs));
  if (now >= until) return undefined;
  const message = `the keys that were found in the fallbacks are accepted until ${iso(until)}, ${drainText(settings)} after they were found; the rotation starts then`;
  return preflight(message, { reason: 'FoundKeysDraining', message }, until);
}

/**
 * Every verifier must accept the key in use and its ack key and refuse a made-up one, else its canaries would mean nothing.
 *
 * @param keys how many each pod must be able to hold
 */
function baseline(facts: Facts, keyset: Keyset, keys: 'One' | 'Both'): Decision | undefined {
  const requirements = requirementsOf(facts.targets, keyset);
  const rows = survey(requirements, keyset);
  const finding = baselineFinding(rows, keyset, keys);
  // a good answer is good for a minute; whoever mends a bad one shall not wait for it
  const maxAgeMs = finding === undefined ? BASELINE_AGE_MS : 10 * RETRY_MS;
  const pods = toProbe(requirements, keyset, facts.now, maxAgeMs);
  if (pods.length > 0) {
    const progress = finding?.message ?? 'asking every verifier whether it verifies';
    return { action: { type: 'probe', pods }, phase: 'Preflight', progress, ...(finding && { blocked: finding }) };
  }
  return finding && preflight(finding.message, finding, facts.now + (isPassing(finding) ? RETRY_MS : 10 * RETRY_MS));
}

function baselineFinding(rows: Survey, keyset: Keyset, keys: 'One' | 'Both'): Finding | undefined {
  const spoken = spokenFinding(rows, keyset, keys);
  if (spoken !== undefined) return spoken;
  const silent = [...rows.met, ...rows.unknown].find(
    ({ target, pod }) => target.settings.canary !== undefined && !pod.terminating && !isConclusive(pod, keyset),
  );
  if (silent === undefined) return undefined;
  return unanswered(silent);
}

function unanswered({ target, pod: { name, unprobeable, probe } }: PodOf): Finding {
  const reason = 'CanaryUnanswered';
  if (unprobeable !== undefined) return { reason, message: unprobeable, lasting: true };
  const { path, port } = target.settings.canary ?? {};
  const why = probe?.why === undefined ? '' : `: ${probe.why}`;
  const message = `pod ${name} has not answered its canary yet${why}`;
  if ((probe?.failures ?? 0) < LASTING_FAILURES) return { reason, message };
  const said = `${message}. Asked again and again at ${path} on port ${port}, it says neither that a token is good (2xx) nor that it is not (401): what each answer means is in the runbook, CanaryUnanswered`;
  return { reason, message: said, lasting: true };
}

/** What a pod has answered; to be silent is no answer. */
function spokenFinding(rows: Survey, keyset: Keyset, keys: 'One' | 'Both'): Finding | undefined {
  const { sign } = currentShape(keyset);
  if (rows.void[0] !== undefined) {
    const message = `pod ${rows.void[0].pod.name} accepted a token signed with a made-up key: its canary path does not verify tokens`;
    return { reason: 'CanaryVoid', message };
  }
  // what pods hold of a keyset that nobody has acknowledged, an adopted one perhaps, the rotation itself will see to
  const acked = keys === 'Both' && keyset.acked.Verifier === keyset.version;
  const refusing = [...rows.refusing, ...rows.stale, ...rows.unfit, ...rows.leaving]
    .map(({ pod }) => pod)
    .find((pod) => !pod.terminating && (acked || pod.probe?.answers.get(sign) !== 'accepted'));
  if (refusing?.probe?.answers.get(sign) === 'accepted') {
    const message = `pod ${refusing.name} accepts tokens signed with the key in use (${sign}) but not with a key listed in the fallbacks: it verifies with one key only, or was started with another Secret`;
    return { reason: 'SingleKeyService', message };
  }
  if (refusing !== undefined) {
    const message = `pod ${refusing.name} refused a token signed with the key in use (${sign}): check spec.canary, where the pod gets its key from, and whether the Secret was changed after the pod had started`;
    return { reason: 'CanaryRefused', message };
  }
  return undefined;
}

function startOf({ requests, settings, nextRotationId }: Facts, keyset: Keyset, wanted: Wanted): Start {
  const handled: Handled = {
    ...keyset.handled,
    ...(requests.rotateAt !== undefined && { rotateAt: requests.rotateAt }),
    ...(requests.abortAt !== undefined && { abortAt: requests.abortAt }),
    forceReason: settings.forceReason,
  };
  const { drainMs, keyBytes } = settings;
  const made = keyIn(keyset, 'staged') === undefined ? { keyBytes } : {};
  return { handled, rotation: { ...wanted, id: nextRotationId, drainMs, ...made } };
}

function begin(facts: Facts, keyset: Keyset, start: Start): Decision {
  const staged = keyIn(keyset, 'staged');
  if (staged !== undefined) return promoteStaged(facts, keyset, staged.kid, start);
  return guarded(facts, keyset, { transition: 'stage', acked: keyset.acked, ...start }, 'Preflight');
}

/** The rotation before has staged the key (spec.preStage), and restarted every verifier for it. */
function promoteStaged(facts: Facts, keyset: Keyset, kid: Kid, start: Start): Decision {
  const phase = 'Preflight';
  const step = roll(facts, keyset, prestaged(facts.targets, kid), { maxAgeMs: FRESH_MS, phase });
  if (step !== undefined) return step;
  if (!facts.window.open) return outsideWindow(facts.window, phase, 'staged everywhere');
  return confirmed(facts, keyset, (acked) => ({ transition: 'promote', acked, start }), phase);
}
