/**
 * The person whom rekey asks for.
 *
 * - A node that lags for longer than the settle delay may give a pod an old Secret although it started late enough: rekey
 *   replaces that pod once more after `rolloutTimeout`, ten minutes, and says who need not wait.
 * - A pod that started while a strange key stood in the Secret keeps it until it starts again: rekey names these pods.
 */
import { deletePod } from '../support/scenario/place.ts';
import type { Resource } from '../support/scenario/rotation.ts';
import type { Lane } from './lane.ts';
import type { Plan } from './plan.ts';
import { worldFault } from './world/all.ts';

/** Pods of a lane at rest, and one more. Who has to do more than that is told of nothing that a person can mend. */
const MOST = 4;

/** @returns the pod that `PodStale` asks a person to delete */
export function podsToDelete(resource: Resource | undefined): readonly string[] {
  const told = degraded(resource, 'PodStale');
  return told.includes('delete the pod') ? [...(/: pod (\S+) started/.exec(told)?.slice(1) ?? [])] : [];
}

/** @returns the pods that `ForeignWriter` asks a person to restart now */
export function podsToRestart(resource: Resource | undefined): readonly string[] {
  const told = degraded(resource, 'ForeignWriter');
  return /until they start again: (\S+(?:, \S+)*)\. Restart them:/.exec(told)?.[1]?.split(', ') ?? [];
}

function degraded(resource: Resource | undefined, reason: string): string {
  const told = resource?.status?.conditions?.find(({ type }) => type === 'Degraded');
  return told?.status === 'True' && told.reason === reason ? (told.message ?? '') : '';
}

/** @returns whether nodes lag in the plan; elsewhere a stale pod is rekey's own business */
export function hasLag({ world }: Pick<Plan, 'world'>): boolean {
  return world.some(({ name }) => worldFault(name).lags === true);
}

function hasStranger({ world }: Pick<Plan, 'world'>): boolean {
  return world.some(({ name }) => worldFault(name).strange === true);
}

export class Person {
  readonly #lane: Pick<Lane, 'api' | 'namespace' | 'resource'>;
  readonly #asked: (resource: Resource | undefined) => readonly string[];
  readonly #heeded = new Set<string>();

  constructor(lane: Pick<Lane, 'api' | 'namespace' | 'resource'>, plan: Pick<Plan, 'world'>) {
    this.#lane = lane;
    this.#asked = (resource) => [
      ...(hasLag(plan) ? podsToDelete(resource) : []),
      ...(hasStranger(plan) ? podsToRestart(resource) : []),
    ];
  }

  /** How many pods have been deleted, as asked. */
  get heeded(): number {
    return this.#heeded.size;
  }

  /** To be called when the world is well again. Does what rekey asks for, once for each pod. */
  async look(): Promise<void> {
    const names = this.#asked(this.#lane.resource()).filter((name) => !this.#heeded.has(name));
    for (const name of names.slice(0, Math.max(0, MOST - this.#heeded.size))) {
      this.#heeded.add(name);
      await deletePod(this.#lane.api, this.#lane.namespace, name);
    }
  }
}
