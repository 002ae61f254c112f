/** Whether an emergency is urgent. This decides the order of work, never what is written. */
import type { JwtKeyRotation } from '../api/names.ts';
import { emergencyOf } from './requests.ts';

/** @returns whether only the Secret can show if there is an emergency to serve, even if the spec is invalid. */
export function mayBeEmergency(resource: JwtKeyRotation): boolean {
  return emergencyOf(resource) !== undefined || resource.status?.phase === 'Burning';
}

/**
 * @returns whether an emergency is requested that, by the status, is not over. Such a resource comes first. Nothing
 *   else rests on this.
 */
export function isEmergency(resource: JwtKeyRotation): boolean {
  const emergency = emergencyOf(resource);
  return emergency !== undefined && (!emergency.handled || resource.status?.phase === 'Burning');
}

/** @returns the priority of the resource in the queue: an emergency goes before every other. */
export function priorityOf(resource: JwtKeyRotation): number {
  return isEmergency(resource) ? 1 : 0;
}
