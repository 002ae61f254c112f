/**
 * What happens around the operator in the middle of a rotation: nodes, people and other controllers.
 */
import type { Lane } from './lane.ts';
import type { WorldStrike } from './plan.ts';

export interface WorldContext {
  readonly lane: Lane;
  /** Resolves when the rotation is over, one way or the other; what lasts until then ends with it. */
  readonly over: Promise<void>;
}

/** Does it and undoes it; resolves when nothing of it is left to do. */
export type WorldFault = (context: WorldContext) => Promise<void>;

export const WORLD: Readonly<Record<string, WorldFault>> = {};

/** @throws Error for a name that is not in the table */
export function worldFault({ name }: WorldStrike): WorldFault {
  const fault = WORLD[name];
  if (fault === undefined) throw new Error(`no such world fault: ${name}`);
  return fault;
}
