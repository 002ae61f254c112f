/**
 * The person whom rekey asks for. A node that lags for longer than the settle delay may give a pod an old Secret although it
 * started late enough: rekey replaces that pod once more after `rolloutTimeout`, ten minutes, and says who need not wait.
 */
import { deletePod } from '../support/scenario/place.ts';
import type { Resource } from '../support/scenario/rotation.ts';
import type { Lane } from './lane.ts';
import type { Plan } from './plan.ts';
import { worldFault } from './world/all.ts';

/** Pods of a lane at rest, and one more. Who has to do more than that is told of nothing that a person can mend. */
const MOST = 4;

/** @returns the pod that `PodStale` asks a person to delete */
export function podToDelete(resource: Resource | undefined): string | undefined {
  const told = resource?.status?.conditions?.find(({ type }) => type === 'Degraded');
  if (told?.status !== 'True' || told.reason !== 'PodStale' || told.message?.includes('delete the pod') !== true) {
    return undefined;
  }
  return /: pod (\S+) started/.exec(told.message)?.[1];
}

/** @returns whether nodes lag in the plan; elsewhere a stale pod is rekey's own business */
export function hasLag({ world }: Pick<Plan, 'world'>): boolean {
  return world.some(({ name }) => worldFault(name).lags === true);
}

export class Person {
  readonly #lane: Pick<Lane, 'api' | 'namespace' | 'resource'>;
  readonly #isThere: boolean;
  readonly #heeded = new Set<string>();

  constructor(lane: Pick<Lane, 'api' | 'namespace' | 'resource'>, plan: Pick<Plan, 'world'>) {
    this.#lane = lane;
    this.#isThere = hasLag(plan);
  }

  /** How many pods have been deleted, as asked. */
  get heeded(): number {
    return this.#heeded.size;
  }

  /** To be called when the nodes no longer lag. Does what rekey asks for, once for each pod. */
  async look(): Promise<void> {
    const name = this.#isThere && this.#heeded.size < MOST ? podToDelete(this.#lane.resource()) : undefined;
    if (name === undefined || this.#heeded.has(name)) return;
    this.#heeded.add(name);
    await deletePod(this.#lane.api, this.#lane.namespace, name);
  }
}
