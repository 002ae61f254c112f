/**
 * A key has leaked. Unlike a rotation, an emergency rather refuses a valid token than accepts a forged one.
 *
 *     any phase → Burning → Steady
 *
 * 1. Write a new key, alone. The staged key is not used: it was in the same Secret. Every other key is burnt for ever.
 * 2. Delete every pod that may accept a burnt key, verifiers first, with little grace and without asking a budget. If
 *    spec.emergency.mode is Rolling, restart the workloads instead: this is gentler, but takes longer.
 * 3. Send every pod a token signed with each burnt key. One that accepts it is deleted again.
 * 4. When all pods refuse, the burnt keys are dead everywhere, and rekey records the time.
 *
 * It does not wait for a window, a suspension or a pause, and comes before every other check. It runs once per nonce.
 */

import type { Facts, SecretFacts } from '../facts.ts';
import type { Keyset } from '../keyset/keyset.ts';
import type { EmergencyRequest } from '../wishes.ts';
import type { StatusPhase, Step } from './decision.ts';
import { heldBy, highestVersion, isNew } from './first-write.ts';
import { inferredOfReplacement } from './inferred.ts';
import { planReplacement } from './replacement.ts';
import { isServed } from './served.ts';
import { exempt } from './write-gate.ts';

/** @returns the write that burns every key, if an emergency is requested that was not served yet */
export function emergencyRequested(facts: Facts): Step | undefined {
  const { requests, secret, nextRotationId } = facts;
  const { emergency } = requests;
  if (emergency === undefined || isServed(emergency, facts) || isOld(emergency, facts)) return undefined;
  if (secret.kind === 'Refused' && secret.finding.reason.startsWith('Secret')) {
    const { reason } = secret.finding;
    const message = `EMERGENCY NOT SERVED: ${secret.finding.message}`;
    return { action: { type: 'wait' }, phase: 'Degraded', progress: message, stalled: { reason, message } };
  }
  const { nonce, reason, actor } = emergency;
  const rotation = { id: nextRotationId, trigger: 'Emergency', actor, reason, drainMs: 0 } as const;
  const write = { transition: 'burn', nonce, rotation, version: highestVersion(facts) } as const;
  return exempt(facts, write, phaseOf(secret), `emergency ${nonce}: ${reason}`);
}

/** The phase is `Burning` once the new key is alone in the Secret, and not before. */
function phaseOf(secret: SecretFacts): StatusPhase {
  return secret.kind === 'Managed' ? secret.keyset.phase : 'Pending';
}

/** @returns whether an emergency is requested or under way: then nothing else matters */
export function inEmergency(facts: Facts): boolean {
  const { secret } = facts;
  return (secret.kind === 'Managed' && secret.keyset.phase === 'Burning') || emergencyRequested(facts) !== undefined;
}

/**
 * While rekey has never written the Secret, an annotation that came with the manifest is not a request of now: the
 * resource may be a copy. rekey records it as seen when it adopts or creates the Secret. If pods run without the
 * Secret, there is nothing to adopt.
 */
function isOld({ apart }: EmergencyRequest, facts: Facts): boolean {
  return apart === false && isNew(facts) && (facts.secret.kind !== 'Absent' || heldBy(facts) === undefined);
}

/** @returns what to report about an emergency that is not served and cannot be recorded; empty if there is none */
export function notServed(facts: Facts): string {
  const { emergency } = facts.requests;
  if (emergency === undefined || isServed(emergency, facts) || !isOld(emergency, facts)) return '';
  return `EMERGENCY NOT SERVED: nonce ${emergency.nonce} came with the manifest, and rekey has never written this Secret; if you mean it, request it with kubectl rekey emergency NAME --reason '...'. `;
}

/** After the burn: replaces and asks all pods, then ends the emergency. */
export function planBurning(facts: Facts, keyset: Keyset): Step {
  return planReplacement(facts, keyset, {
    phase: 'Burning',
    rolling: facts.settings.emergencyMode === 'Rolling',
    what: 'every burnt key',
    done: (acked) => ({ transition: 'extinguish', acked, inferred: inferredOfReplacement(facts, keyset) }),
  });
}
