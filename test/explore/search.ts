/**
 * Breadth first through every state that can be reached, so that the first violation has the shortest trace.
 */
import { decode, encode } from './codec.ts';
import type { Config } from './config.ts';
import { environmentSteps } from './environment.ts';
import { operatorSteps } from './operator.ts';
import { judgeState, judgeStep, type Violation } from './oracles.ts';
import { type Emit, FAULT_FREE, type StepKind } from './steps.ts';
import { StateStore } from './store.ts';
import { judgeThought } from './thoughts.ts';
import { initialWorld, type World } from './world.ts';
import { zombieSteps } from './zombie.ts';

export interface Found {
  readonly violation: Violation;
  /** State in which it is, or from which the step starts. */
  readonly state: number;
  /** What the step that breaks the invariant leads to; absent if the state, or a decision in it, does. */
  readonly after?: Uint8Array;
}

export interface Result {
  readonly store: StateStore;
  readonly transitions: number;
  readonly found?: Found;
  /** The state that follows in a world without faults; -1 if nothing can happen, or nobody has looked. */
  readonly next: Int32Array;
  /** By which step. */
  readonly by: Uint8Array;
  /** From how many states every step was taken, in the order in which they were reached. */
  readonly walked: number;
  /** Whether there was nothing left to explore. */
  readonly complete: boolean;
}

/** States that are made room for at first. */
const ROOM = 1 << 12;

export const RANK: Readonly<Partial<Record<StepKind, number>>> = Object.fromEntries(
  FAULT_FREE.map((kind, rank) => [kind, rank]),
);

export interface Limits {
  readonly maxStates: number;
  /** Asked before each state; true ends the search. */
  readonly isOver?: (walked: number) => boolean;
  /** The only ones that are judged; all if absent. */
  readonly oracles?: readonly string[] | undefined;
  readonly onProgress?: (states: number, transitions: number) => void;
}

/** Every step that the state allows. */
export function steps(config: Config, world: World, emit: Emit, onThought: Parameters<typeof operatorSteps>[3]): void {
  operatorSteps(config, world, emit, onThought);
  zombieSteps(config, world, emit);
  environmentSteps(config, world, emit);
}

export function explore(config: Config, { maxStates, isOver, oracles, onProgress }: Limits): Result {
  const judge = (violation: Violation | undefined) =>
    violation !== undefined && (oracles?.includes(violation.oracle) ?? true) ? violation : undefined;
  const store = new StateStore();
  let next = new Int32Array(ROOM).fill(-1);
  let by = new Uint8Array(ROOM);
  let transitions = 0;
  let found: Found | undefined;
  store.add(encode(config, initialWorld(config)), -1);
  let id = 0;
  for (; id < store.size && found === undefined && store.size < maxStates; id += 1) {
    if (isOver?.(id) === true) break;
    const state = id;
    const world = decode(config, store.get(id));
    let best = FAULT_FREE.length;
    let chosen = -1;
    const emit: Emit = (kind, after) => {
      if (found !== undefined) return;
      transitions += 1;
      const bytes = encode(config, after);
      const known = store.size;
      const reached = store.add(bytes, state);
      const broken = judge(judgeStep(config, world, kind, after));
      const violation = broken ?? (reached === known ? judge(judgeState(config, after)) : undefined);
      if (violation !== undefined) found = { violation, state, after: bytes.slice() };
      const rank = RANK[kind] ?? FAULT_FREE.length;
      if (rank < best && reached !== state) {
        best = rank;
        chosen = reached;
      }
    };
    try {
      steps(config, world, emit, (thought) => {
        const violation = judge(judgeThought(config, world, thought));
        if (violation !== undefined) found ??= { violation, state };
      });
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      found ??= { violation: { oracle: 'defect', message }, state };
    }
    if (id >= next.length) {
      next = grown(next, Int32Array);
      by = grown(by, Uint8Array);
    }
    next[id] = chosen;
    by[id] = best;
    if (id % 100_000 === 0) onProgress?.(store.size, transitions);
  }
  next.fill(-1, id);
  return { store, transitions, next, by, walked: id, complete: id === store.size, ...(found && { found }) };
}

function grown<T extends Int32Array | Uint8Array>(array: T, kind: new (length: number) => T): T {
  const larger = new kind(array.length * 2);
  larger.set(array);
  return larger;
}
