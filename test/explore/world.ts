/**
 * The state of the explored world, and questions that it answers truthfully: nothing here is what the operator believes.
 *
 * Versions are small whole numbers. The real key that version v brought into being is the number v, its key id `K<v>`;
 * the ack key of version v is `N<v>`. So a state needs no other names, and the same state reached twice has the same names.
 *
 * Where it is smaller than a cluster, nothing is lost by it:
 *
 * - Time: only what a comparison of the planner can tell apart is kept, see keysets.ts.
 * - Tokens: the youngest of each key is as young as can be, see `withPods` in containers.ts; a younger one could only do more harm.
 * - Caches of nodes: a bound of what a container may load, see environment.ts.
 * - Canaries: pods that are asked together answer in one step. An answer is of one container, whose keyset never changes
 *   (with mounted files: never goes back), so it comes to the same whenever between two decisions it is given.
 * - Equal pods may change places, and so may nodes, see codec.ts.
 *
 * A write is decided in one step and made in a later one, with anything in between. Restarts and evictions are decided anew
 * after each of them, as the operator may die in between; what it would do without looking again, a paused leader does.
 */
import type { Config } from './config.ts';
import { FOUND, foundChronicle, UNMANAGED } from './keysets.ts';
import { NONE_REFUSED } from './refusals.ts';

/** What a pod answered, as the operator remembers it. */
export interface Probe {
  /** Keyset version of the Secret when the canaries were signed. */
  readonly version: number;
  /** Ticks ago, capped. */
  readonly age: number;
  /** Whether it answered at all. */
  readonly known: boolean;
  /** Version that the container which answered had loaded. */
  readonly held: number;
  /** Whether it answered for the signing and the ack key only. */
  readonly partial?: true;
}

/** A pod as a stale cache shows it. */
export interface Shown {
  readonly up: boolean;
  readonly terminating: boolean;
  readonly settled: number;
  readonly young: boolean;
  /** Whether the API server shows the same containers still: else what is remembered of the pod is of an earlier start. */
  readonly same: boolean;
  readonly probe?: Probe;
}

/** The second container of a pod. */
export interface Sidecar {
  readonly up: boolean;
  /** As those of {@link Pod}. */
  readonly loaded: number;
  readonly settled: number;
  readonly young: boolean;
}

export interface Pod {
  /** For traces only: no part of the state. */
  readonly id: number;
  readonly target: number;
  readonly node: number;
  /** Keyset version in the template it was made from; 0 for none. */
  readonly template: number;
  /** Whether its container runs. */
  readonly up: boolean;
  readonly terminating: boolean;
  /** Version that its running container has loaded. */
  readonly loaded: number;
  /** The newest version that had been written a settle delay before the container started. */
  readonly settled: number;
  /** Whether its container started after the newest version was written. Asked in an emergency only. */
  readonly young: boolean;
  /** The container has started anew and the API server shows the one before still. */
  readonly lag: boolean;
  /** A paused leader is about to evict it. */
  readonly marked: boolean;
  /** It exists in a stale cache only. */
  readonly gone: boolean;
  readonly probe?: Probe;
  readonly shown?: Shown;
  readonly sidecar?: Sidecar;
}

/** What the stale caches of the leader show, besides pods. */
export interface Cache {
  readonly secret: number;
  readonly templates: readonly number[];
  readonly rolledOut: readonly boolean[];
}

/** Tokens of a key that no live container signs with any more. */
export interface Tokens {
  readonly key: number;
  /** Ticks since the last container that could sign them was gone. */
  readonly age: number;
}

export interface World {
  /** Number of the interned keyset in the Secret. */
  readonly secret: number;
  /** Number of the interned list of all shapes ever written that still matter. */
  readonly chronicle: number;
  /** How often people have asked. */
  readonly rotate: number;
  readonly abort: number;
  readonly emergency: number;
  /** Keys that have leaked, as a set of bits. */
  readonly burnt: number;
  readonly open: boolean;
  readonly shortened: boolean;
  readonly templates: readonly number[];
  readonly desired: readonly number[];
  /** How often the operator has replaced a pod of each target for the newest keyset, capped. Where it is counted. */
  readonly replaced: readonly number[];
  /** The newest version that each node has served to a container; a node without pods has none (-1) and reads afresh. */
  readonly bounds: readonly number[];
  readonly pods: readonly Pod[];
  /** Only of keys whose tokens may be alive. */
  readonly tokens: readonly Tokens[];
  /** Number of the interned effect that the leader has decided upon and not made yet; 0 for none. */
  readonly pending: number;
  /** Whether the leader still knows the bytes of the key that retired last. */
  readonly retired: boolean;
  /** Whether writes are refused still, where the world refuses some. */
  readonly refusing: boolean;
  /** Number of the interned list of refusals that the leader remembers; 0 for none. */
  readonly refusals: number;
  /** Writes that the leader has tried in this tick and that were refused, as a set of bits: see `Config.refuses`. */
  readonly tried: number;
  /** Whether people have changed what they want since the pass began in which a write was refused. */
  readonly wished: boolean;
  /** As `pending`, of a paused leader that does not know that it has lost its lease. */
  readonly zombie: number;
  /** Undefined while the caches show what is. */
  readonly cache: Cache | undefined;
  /** For traces only. */
  readonly serial: number;
}

/** Version of a container that does not run. */
export const NONE = 15;
export const NO_BOUND = -1;
/** Does not run. */
export const DOWN: Sidecar = { up: false, loaded: NONE, settled: 0, young: false };

/** Services before rekey has written anything. */
export function initialWorld(config: Config): World {
  const pods: Pod[] = [];
  const held = config.absent === true ? { up: false, loaded: NONE } : { up: true, loaded: 0 };
  config.targets.forEach((target, index) => {
    for (let i = 0; i < target.replicas; i += 1) {
      const node = pods.length % config.nodes;
      pods.push({
        ...{ id: pods.length + 1, target: index, node, template: 0, terminating: false, ...held },
        ...{ settled: 0, young: false, lag: false, marked: false, gone: false },
        ...(target.sidecar === true && { sidecar: { ...held, settled: 0, young: false } }),
      });
    }
  });
  // no node can serve what was there before the first version that rekey makes
  const first = config.absent === true ? 1 : 0;
  return {
    secret: UNMANAGED,
    chronicle: foundChronicle(config.found === true, config.half === true),
    rotate: 0,
    abort: 0,
    emergency: 0,
    burnt: 0,
    open: true,
    shortened: false,
    templates: config.targets.map(() => 0),
    desired: config.targets.map((target) => target.replicas),
    replaced: config.targets.map(() => 0),
    bounds: Array.from({ length: config.nodes }, (_, node) =>
      pods.some((pod) => pod.node === node) ? first : NO_BOUND,
    ),
    pods,
    tokens: config.found === true ? [{ key: FOUND, age: 0 }] : [],
    pending: 0,
    retired: false,
    refusing: config.refuses !== undefined,
    refusals: NONE_REFUSED,
    tried: 0,
    wished: false,
    zombie: 0,
    cache: undefined,
    serial: pods.length,
  };
}

export function isRunning(pod: Pod): boolean {
  return pod.up && !pod.gone;
}

/** Whether all its containers run. */
export function isReady({ up, sidecar }: Pod): boolean {
  return up && sidecar?.up !== false;
}

/** Whether the pods of a target stay when its template changes; those that read mounted files are never asked to go. */
export function keepsPods(config: Config, target: number): boolean {
  const { manual, file } = config.targets[target] ?? {};
  return manual === true || file === true;
}

/** What `kubectl rollout status` would say, with all pods available. */
export function isRolledOut(config: Config, world: World, target: number): boolean {
  const manual = keepsPods(config, target);
  let count = 0;
  for (const pod of world.pods) {
    if (pod.gone || pod.terminating || pod.target !== target) continue;
    if (!isReady(pod) || (!manual && pod.template !== world.templates[target])) return false;
    count += 1;
  }
  return count === world.desired[target];
}
