/**
 * The planner: a pure function from what is observed to one action. It keeps nothing between calls, so the operator may
 * die at any moment and continue from what it observes.
 *
 *     Steady → Preflight → Staging → Staged → Promoting → Draining → Retiring → Steady
 *
 * The rules, in order:
 *
 * 1. Stage: make the new key accepted everywhere, before anybody signs with it.
 * 2. Promote only when every live verifier has acknowledged; every live signer is then moved to the new key.
 * 3. Drain from the moment at which the last container that could sign with the old key is gone.
 * 4. Retire when no token of the old key can be alive.
 *
 * Every resting state in between is safe. When in doubt, the planner does nothing and reports why. An emergency comes
 * before all of this: see emergency.ts. Services that can hold one key only are cut over, if that is allowed: see
 * cutover.ts.
 */

import type { Reason } from '../api/finding.ts';
import type { Facts } from '../facts.ts';
import { assess } from './assessment.ts';
import { planSwitching } from './cutover.ts';
import type { Action, Decision, Step } from './decision.ts';
import { emergencyRequested, notServed, planBurning } from './emergency.ts';
import { heldBy, planAdopt, planCreate } from './first-write.ts';
import { withdrawRequested } from './pending.ts';
import { standingFinding } from './policies/preflight.ts';
import { abortRequested, planAborting, planDraining, planPromoting, planRetiring, planStaging } from './progress.ts';
import { heldBack } from './refused.ts';
import { planSteady } from './steady.ts';

/** Pause before rekey reads again what no watch reports, milliseconds. */
const LOOK_AGAIN_MS = 10_000;

/** @returns the one action to take now, and what to report about it */
export function plan(facts: Facts): Decision {
  const step = heldBack(facts, decide(facts));
  return { ...step, assessment: assess(facts, step.action) };
}

function decide(facts: Facts): Step {
  const { secret, requests, ledgerFinding } = facts;
  const emergency = emergencyRequested(facts);
  if (emergency !== undefined) return emergency;
  if (secret.kind === 'Managed' && secret.keyset.phase === 'Burning') return planBurning(facts, secret.keyset);
  // half of the pods refuse the tokens of the others: only going forward helps, whatever else is wrong
  if (secret.kind === 'Managed' && secret.keyset.phase === 'Switching') return planSwitching(facts, secret.keyset);
  if (requests.paused !== undefined) return rest(facts, requests.paused.reason, requests.paused.message);
  if (secret.kind === 'Refused') return rest(facts, secret.finding.reason, secret.finding.message);
  if (ledgerFinding !== undefined) return rest(facts, ledgerFinding.reason, ledgerFinding.message);
  const aborting = secret.kind === 'Managed' ? abortRequested(facts, secret.keyset) : undefined;
  if (aborting !== undefined) return aborting;
  // served whatever else is wrong: a withdrawn request must not begin once that is fixed
  const withdrawing = secret.kind === 'Managed' ? withdrawRequested(facts, secret.keyset) : undefined;
  if (withdrawing !== undefined) return withdrawing;
  const finding = standingFinding(facts);
  if (finding !== undefined) return rest(facts, finding.reason, finding.message);
  if (secret.kind === 'Absent') return planAbsent(facts);
  if (secret.kind === 'Unmanaged') return planAdopt(facts, secret);
  switch (secret.keyset.phase) {
    case 'Steady':
      return planSteady(facts, secret.keyset);
    case 'Staging':
      return planStaging(facts, secret.keyset);
    case 'Promoting':
      return planPromoting(facts, secret.keyset);
    case 'Draining':
      return planDraining(facts, secret.keyset);
    case 'Retiring':
      return planRetiring(facts, secret.keyset);
    case 'Aborting':
      return planAborting(facts, secret.keyset);
    case 'Switching':
      return planSwitching(facts, secret.keyset);
    case 'Burning':
      return planBurning(facts, secret.keyset);
  }
}

/** Writes nothing: a rotation under way rests where it is. */
function rest(facts: Facts, reason: Reason, why: string): Step {
  const { secret } = facts;
  const burning = secret.kind === 'Refused' && secret.keyset?.phase === 'Burning';
  const message = burning ? `EMERGENCY NOT FINISHED, pods may accept a burnt key: ${why}` : `${notServed(facts)}${why}`;
  const finding = { reason, message };
  const idle = secret.kind !== 'Managed' || secret.keyset.phase === 'Steady';
  const phase = secret.kind === 'Managed' ? secret.keyset.phase : secret.kind === 'Refused' ? 'Degraded' : 'Pending';
  // the ledger is not watched
  const unwatched = reason === 'KeyResurrected' || reason === 'LedgerUnreadable';
  const action: Action = unwatched ? { type: 'wait', until: facts.now + LOOK_AGAIN_MS } : { type: 'wait' };
  const step: Step = { action, phase, progress: message };
  return idle ? { ...step, blocked: finding } : { ...step, stalled: finding };
}

/**
 * rekey does not create a Secret that is absent while pods run: those pods hold a key that nobody else would know, and
 * the others would refuse their tokens.
 */
function planAbsent(facts: Facts): Step {
  const holder = heldBy(facts);
  if (holder === undefined) return planCreate(facts);
  const { version, keys } = facts.ledger;
  const wasThere = version > 0 || keys.length > 0;
  const [what, mend] = wasThere ? ['is gone', 'restore the Secret'] : ['is not there', 'create it with the key in use'];
  const message = `Secret ${facts.settings.secretName} ${what}, but ${holder}; ${mend}, or scale the targets to zero to start with a new key, which refuses every token signed before`;
  return rest(facts, 'SecretDeleted', message);
}
