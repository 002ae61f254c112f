/**
 * Whether somebody waits for an emergency. It decides what is looked at first, and nothing that is written.
 */
import type { JwtKeyRotation } from '../api/names.ts';
import { emergencyOf } from './requests.ts';

/** @returns whether it must be looked at the Secret to know if there is an emergency, whatever is wrong with the spec. */
export function mayBeEmergency(resource: JwtKeyRotation): boolean {
  return emergencyOf(resource) !== undefined || resource.status?.phase === 'Burning';
}

/** @returns whether an emergency is asked for that the status does not know as over: it is looked at first. Nothing rests on it. */
export function isEmergency(resource: JwtKeyRotation): boolean {
  const emergency = emergencyOf(resource);
  return emergency !== undefined && (!emergency.handled || resource.status?.phase === 'Burning');
}

/** @returns how soon the resource is looked at: an emergency goes before every other. */
export function priorityOf(resource: JwtKeyRotation): number {
  return isEmergency(resource) ? 1 : 0;
}
