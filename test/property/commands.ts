/**
 * What fast-check may do to a world, in any order: see walk.ts.
 */
import fc from 'fast-check';
import type { StepKind } from '../explore/steps.ts';
import type { Walk } from './walk.ts';

/** fast-check's model: the world itself answers what is possible, so there is nothing to keep beside it. */
export type Nothing = Record<string, never>;
type Move = fc.Command<Nothing, Walk>;

/** One step out of those of some kinds that the state allows. */
class AnyOf implements Move {
  readonly #name: string;
  readonly #kinds: ReadonlySet<StepKind>;
  readonly #choice: number;
  /** Only one is needed, and what is allowed costs a decision of the planner. */
  #seen = '';

  constructor(name: string, kinds: readonly StepKind[], choice: number) {
    this.#name = name;
    this.#kinds = new Set(kinds);
    this.#choice = choice;
  }

  check(): boolean {
    return true;
  }

  run(_: Nothing, walk: Walk): void {
    const allowed = walk.allowed(this.#kinds);
    const step = allowed[this.#choice % Math.max(allowed.length, 1)];
    this.#seen = step?.kind ?? 'nothing';
    if (step !== undefined) walk.take(step);
  }

  toString(): string {
    return `${this.#name}(${this.#choice}: ${this.#seen})`;
  }
}

/** The world goes on without faults for a while. */
class GoOn implements Move {
  readonly #steps: number;

  constructor(steps: number) {
    this.#steps = steps;
  }

  check(): boolean {
    return true;
  }

  run(_: Nothing, walk: Walk): void {
    walk.settle(this.#steps);
  }

  toString(): string {
    return `goOn(${this.#steps})`;
  }
}

const KINDS = {
  operator: [
    'decide',
    'write',
    'writeUnanswered',
    'conflict',
    'bump',
    'bumpUnanswered',
    'evict',
    'delete',
    'probe',
    'prune',
  ],
  silence: ['probeSilent'],
  death: ['die', 'pause'],
  zombie: ['zombieWrite', 'zombieBump', 'zombieEvict'],
  pods: ['start', 'exit', 'create', 'kill', 'seen'],
  trouble: ['crash', 'createOld', 'startUnseen', 'scaleUp', 'scaleDown', 'revert', 'freeze', 'thaw'],
  people: ['askRotation', 'askAbort', 'askEmergency', 'windowOpens', 'windowCloses', 'shorten'],
  time: ['tick'],
} as const satisfies Record<string, readonly StepKind[]>;

/** Moves that help a rotation on come more often, or few walks would get far. */
export function moves(): fc.Arbitrary<Move>[] {
  const any = (name: keyof typeof KINDS) => fc.nat(99).map((choice) => new AnyOf(name, KINDS[name], choice));
  const goOn = fc.integer({ min: 1, max: 40 }).map((steps) => new GoOn(steps));
  const helpful = [any('operator'), any('operator'), any('pods'), any('pods'), goOn, goOn];
  const harmful = [any('silence'), any('death'), any('zombie'), any('trouble'), any('people'), any('time')];
  return [...helpful, ...harmful];
}
