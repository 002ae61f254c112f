/**
 * A key has leaked. The other way round than a rotation: better to refuse a valid token than to accept a forged one.
 *
 *     any phase → Burning → Steady
 *
 * 1. Write a fresh key, alone: never the staged one, which lay in the same Secret. Every other key is burnt for ever.
 * 2. Delete every pod that may accept a burnt key, verifiers first, with little grace and without asking a budget. Where
 *    spec.emergency.mode is Rolling, restart the workloads instead: gentler, and slower to close.
 * 3. Send every pod a token signed with each burnt key. One that accepts it is deleted again.
 * 4. When all refuse, the burnt keys are dead everywhere, and the time of that is known.
 *
 * It waits for no window, no suspension and no pause, and comes before every other check. It runs once per nonce.
 */

import type { EmergencyRequest, Facts } from '../facts.ts';
import type { Keyset } from '../keyset/keyset.ts';
import type { Step } from './decision.ts';
import { heldBy, highestVersion, isNew } from './first-write.ts';
import { inferredOfReplacement } from './inferred.ts';
import { planReplacement } from './replacement.ts';
import { isServed } from './served.ts';
import { exempt } from './write-gate.ts';

/** @returns the write that burns every key, if an emergency is asked for that has not been served */
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
  return exempt(facts, write, 'Burning', `emergency ${nonce}: ${reason}`);
}

/** @returns whether one is asked for or under way: then nothing else matters */
export function inEmergency(facts: Facts): boolean {
  const { secret } = facts;
  return (secret.kind === 'Managed' && secret.keyset.phase === 'Burning') || emergencyRequested(facts) !== undefined;
}

/**
 * Of a Secret that rekey has never written, an annotation that came with the manifest is no wish of now: the resource may be a
 * copy. It is noted when the Secret is taken over or created. Where pods run without the Secret, there is none to take over.
 */
function isOld({ apart }: EmergencyRequest, facts: Facts): boolean {
  return apart === false && isNew(facts) && (facts.secret.kind !== 'Absent' || heldBy(facts) === undefined);
}

/** @returns what is to be said of an emergency that is not served and cannot be noted; empty if there is none */
export function notServed(facts: Facts): string {
  const { emergency } = facts.requests;
  if (emergency === undefined || isServed(emergency, facts) || !isOld(emergency, facts)) return '';
  return `EMERGENCY NOT SERVED: nonce ${emergency.nonce} came with the manifest, and rekey has never written this Secret; if you mean it, request it with kubectl rekey emergency. `;
}

/** After the write that burns: all pods are replaced and asked, then it is over. */
export function planBurning(facts: Facts, keyset: Keyset): Step {
  return planReplacement(facts, keyset, {
    phase: 'Burning',
    rolling: facts.settings.emergencyMode === 'Rolling',
    what: 'every burnt key',
    done: (acked) => ({ transition: 'extinguish', acked, inferred: inferredOfReplacement(facts, keyset) }),
  });
}
