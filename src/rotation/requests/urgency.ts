/** Whether an emergency is urgent. This decides the order of work, never what is written. */
import { type JwtKeyRotation, REQUEST } from '../api/names.ts';
import { emergencyOf } from './requests.ts';

/** In these phases nothing has begun that should end. */
const IDLE: readonly string[] = ['Pending', 'Steady', 'Degraded', 'Preflight'];

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

/** @returns whether an emergency is requested for which, by the status, no key was burnt yet */
export function isUnserved(resource: JwtKeyRotation): boolean {
  return emergencyOf(resource)?.handled === false;
}

/** The priority of an emergency in the queue. */
export const EMERGENCY_PRIORITY = 3;
/**
 * While a pass for an emergency waits or is under way, no other begins, nor goes on to its reads before a write: so long in a
 * row at most. If it fails, the next one comes within 15 s.
 */
export const EMERGENCIES_FIRST = { least: EMERGENCY_PRIORITY, mostMs: 500, maxDelayMs: 15_000 } as const;
const PRIORITIES = { emergency: EMERGENCY_PRIORITY, underWay: 2, requested: 1, rest: 0 } as const;

/** After an effect, the next pass sees what came of it: something is under way, whatever the status says yet. */
export const UNDER_WAY_PRIORITY = PRIORITIES.underWay;
/** Rotations that wait for pods that do not answer keep passes busy, and must not keep the others from beginning. */
export const SHARE = { below: EMERGENCY_PRIORITY, oneIn: 4 } as const;

/**
 * @param phase by the Secret, where that was read; that of the status may be older
 * @returns the priority of the resource in the queue: an emergency goes before every other, then what is under way, so
 *   that it ends, then what people wait for. The rest are looks at what rests
 */
export function priorityOf(resource: JwtKeyRotation, phase = resource.status?.phase): number {
  if (isEmergency(resource)) return PRIORITIES.emergency;
  const { lastHandledRotateAt } = resource.status ?? {};
  if (phase !== undefined && !IDLE.includes(phase)) return PRIORITIES.underWay;
  const wanted = resource.metadata.annotations?.[REQUEST.rotateAt];
  return wanted !== undefined && wanted !== lastHandledRotateAt ? PRIORITIES.requested : PRIORITIES.rest;
}
