/**
 * All that may happen around the operator, by name.
 */
import { PEOPLE } from './people.ts';
import { PODS } from './pods.ts';
import { SECRETS } from './secret.ts';
import { SPECS } from './spec.ts';
import { SURROUNDINGS } from './surroundings.ts';
import type { WorldFault } from './world.ts';

export const WORLD: readonly WorldFault[] = [...PODS, ...PEOPLE, ...SECRETS, ...SPECS, ...SURROUNDINGS];

/** @throws Error for a name that is not in the table */
export function worldFault(name: string): WorldFault {
  const fault = WORLD.find((one) => one.name === name);
  if (fault === undefined) throw new Error(`no such world fault: ${name}`);
  return fault;
}
