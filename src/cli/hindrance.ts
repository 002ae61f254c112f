/**
 * What stands in the way of a rotation, as far as the operator has reported.
 */
import type { JwtKeyRotation } from '../rotation/api/names.ts';
import { conditionOf } from './status.ts';

/** Of the condition Ready, where nothing is wrong. */
const USUAL = ['Steady', 'RotationInProgress', 'Burning', 'Pending'];

/** @returns reason and message; undefined if nothing does */
export function hindranceOf(resource: JwtKeyRotation): string | undefined {
  const ready = conditionOf(resource, 'Ready');
  return ready === undefined || USUAL.includes(ready.reason) ? undefined : `${ready.reason}: ${ready.message}`;
}
