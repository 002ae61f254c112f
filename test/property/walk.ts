/**
 * One walk through the explored world with every oracle asked after each step: see test/explore/.
 */
import type { Keyset } from '../../src/rotation/keyset/keyset.ts';
import type { Config } from '../explore/config.ts';
import { environmentSteps } from '../explore/environment.ts';
import { entryOf, UNMANAGED } from '../explore/keysets.ts';
import { isAtRest } from '../explore/liveness.ts';
import { operatorSteps, type Thought } from '../explore/operator.ts';
import { judgeState, judgeStep, type Violation } from '../explore/oracles.ts';
import { FAULT_FREE, type StepKind } from '../explore/steps.ts';
import { judgeThought } from '../explore/thoughts.ts';
import { describe, stepText } from '../explore/trace.ts';
import { initialWorld, type World } from '../explore/world.ts';
import { zombieSteps } from '../explore/zombie.ts';

/** A dual service is restarted to stage, to promote and to retire. */
const MAX_BUMPS = 3;

interface Step {
  readonly kind: StepKind;
  readonly next: World;
  readonly a: number | undefined;
  readonly b: number | undefined;
}

export class Walk {
  readonly config: Config;
  /** Only of these is a violation reported; of all if absent. */
  readonly #oracles: readonly string[] | undefined;
  readonly #trace: string[] = [];
  readonly #written: Keyset[] = [];
  #world: World;
  #steps: readonly Step[] | undefined;

  constructor(config: Config, oracles?: readonly string[]) {
    this.config = config;
    this.#oracles = oracles;
    this.#world = initialWorld(config);
  }

  /** What the state allows of these kinds. */
  allowed(kinds: ReadonlySet<StepKind>): readonly Step[] {
    return this.#all().filter(({ kind }) => kinds.has(kind));
  }

  /** @throws with the whole walk if an oracle finds something */
  take(step: Step): void {
    const before = this.#world;
    this.#trace.push(stepText(this.config, before, step));
    this.#check(judgeStep(this.config, before, step.kind, step.next) ?? judgeState(this.config, step.next));
    this.#world = step.next;
    this.#steps = undefined;
    this.#remember();
  }

  /**
   * Lets the world go on without faults.
   *
   * @param most steps
   * @returns whether it came to rest
   */
  settle(most: number): boolean {
    const bumps = new Map<number, number>();
    for (let taken = 0; taken < most; taken += 1) {
      if (isAtRest(this.config, this.#world)) return true;
      const step = this.#faultFree();
      if (step === undefined) return this.#fail('I14', 'faults have ended, and nothing leads to rest');
      if (step.kind === 'bump') {
        const target = step.a ?? 0;
        const count = (bumps.get(target) ?? 0) + 1;
        bumps.set(target, count);
        if (count > MAX_BUMPS) this.#fail('I14', `target ${target} is restarted ${count} times without a fault`);
      }
      this.take(step);
      if (this.#phase() === 'Steady') bumps.clear();
    }
    return isAtRest(this.config, this.#world);
  }

  /** @throws if the world does not come to rest */
  finish(): void {
    const bound = 200 * this.config.rotations + 100;
    if (!this.settle(bound)) this.#fail('I14', `not at rest ${bound} steps after the last fault`);
  }

  /** Every keyset that was in the Secret, oldest first. */
  written(): readonly Keyset[] {
    return this.#written;
  }

  #remember(): void {
    if (this.#world.secret === UNMANAGED) return;
    const { keyset } = entryOf(this.#world.secret);
    if (this.#written.at(-1) !== keyset) this.#written.push(keyset);
  }

  #phase(): string {
    return this.#world.secret === UNMANAGED ? 'Unmanaged' : entryOf(this.#world.secret).keyset.phase;
  }

  #faultFree(): Step | undefined {
    const all = this.#all().filter(({ next }) => next !== this.#world);
    for (const kind of FAULT_FREE) {
      const step = all.find((one) => one.kind === kind);
      if (step !== undefined) return step;
    }
    return undefined;
  }

  #all(): readonly Step[] {
    if (this.#steps !== undefined) return this.#steps;
    const steps: Step[] = [];
    const emit = (kind: StepKind, next: World, a?: number, b?: number) => {
      steps.push({ kind, next, a, b });
    };
    const judge = (thought: Thought) => this.#check(judgeThought(this.config, this.#world, thought));
    operatorSteps(this.config, this.#world, emit, judge);
    zombieSteps(this.config, this.#world, emit);
    environmentSteps(this.config, this.#world, emit);
    this.#steps = steps;
    return steps;
  }

  #check(violation: Violation | undefined): void {
    if (violation !== undefined) this.#fail(violation.oracle, violation.message);
  }

  #fail(oracle: string, message: string): false {
    if (this.#oracles !== undefined && !this.#oracles.includes(oracle)) return false;
    const lines = this.#trace.map((line, i) => `${String(i + 1).padStart(4)} ${line}`);
    throw new Error(`${oracle}: ${message}\n${lines.join('\n')}\nnow  ${describe(this.config, this.#world)}`);
  }
}
