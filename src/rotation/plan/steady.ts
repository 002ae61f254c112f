/** At rest: decides whether a rotation is wanted and may start. */

import { defined } from '../../base/objects.ts';
import { type Finding, inShort, isPassing } from '../api/finding.ts';
import { backoffUntil } from '../cadence/cadence.ts';
import type { Facts } from '../facts.ts';
import { type Keyset, type Kid, keyIn } from '../keyset/keyset.ts';
import type { RotationStart } from '../keyset/writes.ts';
import { formatDuration, iso } from '../schedule/duration.ts';
import { drainText } from '../settings/drain.ts';
import { narrowText, tooNarrow } from '../settings/layouts.ts';
import type { Wanted } from '../wishes.ts';
import { lookAtRest } from './at-rest.ts';
import { baselineFinding } from './baseline.ts';
import { FRESH_MS, RETRY_MS, survey, toProbe } from './converge.ts';
import { isBlindToStaged, mayCutOver, planCutover } from './cutover.ts';
import { outsideWindow, type Step } from './decision.ts';
import { pending, served } from './pending.ts';
import { disruptionBlocked, startFinding } from './policies/preflight.ts';
import { prestaged, requirementsOf } from './requirements.ts';
import { roll } from './roll.ts';
import { confirmed, guarded } from './write-gate.ts';

/** Pause before budgets are read again, milliseconds: no watch reports their changes. */
const BUDGET_RETRY_MS = 30_000;
/** The staged key and the ack key. */
const ROTATED = 2;
/** A baseline canary that is this old still proves that the endpoint verifies. */
const BASELINE_AGE_MS = 60_000;

/** @returns the start of a rotation that is wanted and may start; otherwise what to do at rest */
export function planSteady(facts: Facts, keyset: Keyset): Step {
  const wanted = wantedRotation(facts, keyset);
  if (wanted === undefined) return atRest(facts, keyset);
  if (facts.settings.suspend) {
    return idle(facts, {
      reason: 'Suspended',
      message: `spec.suspend is set; a rotation is waiting (${wanted.reason})`,
    });
  }
  const backoff = wanted.trigger === 'Schedule' ? backoffUntil(keyset.attempts) : 0;
  if (facts.now < backoff) return backingOff(facts, keyset, backoff);
  const finding = startFinding(facts);
  if (finding !== undefined) return preflight(finding.message, finding, facts.now + 5_000);
  const start = rotationStart(facts, keyset, wanted);
  if (facts.settings.strategy === 'Cutover') return cutOver(facts, keyset, start);
  const unfit = foundKeysDraining(facts, keyset) ?? tooNarrowNow(facts, keyset) ?? baseline(facts, keyset, 'Both');
  if (unfit?.blocked?.reason === 'SingleKeyService' && mayCutOver(facts)) return cutOver(facts, keyset, start);
  if (unfit === undefined && isBlindToStaged(facts) && mayCutOver(facts)) return cutOver(facts, keyset, start);
  return unfit ?? heldPods(facts, keyset) ?? begin(facts, keyset, start);
}

/**
 * Budgets are not watched, so they are read again before the first write. If rekey or the controller of a Rollout
 * evicts the pods, a budget that allows no eviction would stop the rotation with both keys accepted.
 */
function heldPods(facts: Facts, keyset: Keyset): Step | undefined {
  // a key that is already staged first waits for its window, perhaps for days
  if (keyIn(keyset, 'staged') !== undefined && !facts.window.open) return undefined;
  const held = inShort(disruptionBlocked(facts));
  return held && preflight(held.message, held, facts.now + BUDGET_RETRY_MS);
}

/** With one key only, a pod need not accept the ack key. */
function cutOver(facts: Facts, keyset: Keyset, start: RotationStart): Step {
  return baseline(facts, keyset, 'One') ?? planCutover(facts, keyset, start);
}

function wantedRotation({ requests, settings, due }: Facts, keyset: Keyset): Wanted | undefined {
  const [asked] = pending(requests, settings.forceReason, keyset.handled);
  if (asked !== undefined) return asked;
  if (due.since === undefined) return undefined;
  return { trigger: 'Schedule', actor: 'rekey', reason: `due since ${iso(due.since)}` };
}

function atRest(facts: Facts, keyset: Keyset): Step {
  const { pods, finding, until } = lookAtRest(facts, keyset);
  const rest = idle(facts, finding);
  if (pods.length > 0) return { ...rest, action: { type: 'probe', pods } };
  const soonest = Math.min(facts.due.next ?? Number.POSITIVE_INFINITY, until ?? Number.POSITIVE_INFINITY);
  return Number.isFinite(soonest) ? { ...rest, action: { type: 'wait', until: soonest } } : rest;
}

function idle({ due }: Facts, blocked?: Finding): Step {
  const progress = due.next === undefined ? 'no rotation is scheduled' : `next rotation ${iso(due.next)}`;
  const action = { type: 'wait', ...defined({ until: due.next }) } as const;
  return { action, phase: 'Steady', progress, ...defined({ blocked }) };
}

function backingOff({ now }: Facts, keyset: Keyset, until: number): Step {
  const failure = keyset.rotation?.failure;
  const message = `the last rotation failed (${failure?.reason}: ${failure?.message}); rekey tries again in ${formatDuration(until - now)}, or at once on request`;
  return {
    action: { type: 'wait', until },
    phase: 'Steady',
    progress: message,
    blocked: { reason: 'BackingOff', message },
  };
}

function preflight(progress: string, blocked: Finding | undefined, until: number): Step {
  return { action: { type: 'wait', until }, phase: 'Preflight', progress, ...defined({ blocked }) };
}

/** Keys found beside the signing key at adoption leave with the next rotation, so their tokens must have expired. */
function foundKeysDraining({ now, settings }: Facts, keyset: Keyset): Step | undefined {
  const exits = keyset.keys.flatMap(({ state, lastSignerExit }) =>
    state === 'draining' ? (lastSignerExit ?? now) : [],
  );
  const until = Math.max(0, ...exits.map((exit) => exit + settings.drainMs));
  if (now >= until) return undefined;
  const message = `the keys found in the fallbacks stay accepted until ${iso(until)}, ${drainText(settings)} after they were found; the rotation starts then`;
  return preflight(message, { reason: 'FoundKeysDraining', message }, until);
}

/** A layout that was added to the spec after keys were found would leave one of them out. */
function tooNarrowNow({ now, settings }: Facts, keyset: Keyset): Step | undefined {
  const found = keyset.keys.filter(({ state }) => state === 'found').length;
  const narrow = tooNarrow(settings, found + ROTATED);
  if (narrow.length === 0) return undefined;
  const message = `spec.secretKeys.layout: a rotation needs ${found + ROTATED} keys besides the one that signs, too many for ${narrowText(narrow)}; remove it from the spec until the keys found at adoption have left with the next rotation`;
  return preflight(message, { reason: 'InvalidDataKey', message }, now + 10 * RETRY_MS);
}

/** @param keys how many each pod must be able to hold */
function baseline(facts: Facts, keyset: Keyset, keys: 'One' | 'Both'): Step | undefined {
  const requirements = requirementsOf(facts.targets, keyset);
  const rows = survey(requirements, keyset);
  const finding = baselineFinding(rows, keyset, keys);
  // a good answer counts for a minute; after a bad one, whoever fixes it should not have to wait
  const maxAgeMs = finding === undefined ? BASELINE_AGE_MS : 10 * RETRY_MS;
  const pods = toProbe(requirements, keyset, facts.now, maxAgeMs);
  if (pods.length > 0) {
    const progress = finding?.message ?? 'asking every verifier to verify canaries';
    return { action: { type: 'probe', pods }, phase: 'Preflight', progress, ...defined({ blocked: finding }) };
  }
  return finding && preflight(finding.message, finding, facts.now + (isPassing(finding) ? RETRY_MS : 10 * RETRY_MS));
}

function rotationStart(facts: Facts, keyset: Keyset, wanted: Wanted): RotationStart {
  const { drainMs, keyBytes } = facts.settings;
  const made = keyIn(keyset, 'staged') === undefined ? { keyBytes } : {};
  const rotation = { ...wanted, id: facts.nextRotationId, drainMs, ...made };
  return { handled: served(facts, keyset.handled), rotation };
}

function begin(facts: Facts, keyset: Keyset, start: RotationStart): Step {
  const staged = keyIn(keyset, 'staged');
  if (staged !== undefined) return promoteStaged(facts, keyset, staged.kid, start);
  return guarded(facts, keyset, { transition: 'stage', acked: keyset.acked, ...start }, 'Preflight');
}

/** The previous rotation has staged the key (spec.preStage) and restarted every verifier for it. */
function promoteStaged(facts: Facts, keyset: Keyset, kid: Kid, start: RotationStart): Step {
  const phase = 'Preflight';
  const step = roll(facts, keyset, prestaged(facts.targets, kid), { maxAgeMs: FRESH_MS, phase });
  if (step !== undefined) return step;
  if (!facts.window.open) return outsideWindow(facts.window, phase, 'staged everywhere');
  return confirmed(facts, keyset, (acked) => ({ transition: 'promote', acked, start }), phase);
}
