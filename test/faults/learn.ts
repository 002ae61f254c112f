/**
 * The learn run: rotations without any fault, and what all of them had in common.
 */
import { writeFileSync } from 'node:fs';
import type { Journal } from '../support/faultproxy/journal.ts';
import type { Lane } from './lane.ts';
import type { Build } from './operator.ts';
import { PLAIN, type Workload } from './plan.ts';
import { type Count, REFERENCE, REFERENCE_FILE, type Reference, type Rotation } from './reference.ts';
import { runPlan } from './run.ts';

const RUNS = 4;

type Seen = Pick<Count, 'what' | 'phase'>;

/** Counts each signature. */
function countsOf(seen: readonly Seen[]): ReadonlyMap<string, Count> {
  const counts = new Map<string, Count>();
  for (const { what, phase } of seen) {
    const id = `${what} @${phase}`;
    counts.set(id, { what, phase, count: (counts.get(id)?.count ?? 0) + 1 });
  }
  return counts;
}

/** What every run had, as often as the run that had it least; in the order of the first. */
function common(runs: readonly (readonly Seen[])[]): readonly Count[] {
  const [first, ...others] = runs.map(countsOf);
  return [...(first ?? new Map<string, Count>()).entries()].flatMap(([id, { what, phase, count }]) => {
    const least = Math.min(count, ...others.map((counts) => counts.get(id)?.count ?? 0));
    return least === 0 ? [] : [{ what, phase, count: least }];
  });
}

/** @throws Error if a rotation without any fault violates an oracle: then nothing that the campaign says is worth much */
export async function learn(
  lane: Lane,
  build: Build,
  log: (line: string) => void,
  workload: Workload,
): Promise<Rotation> {
  const journals: Journal[] = [];
  for (let i = 1; i <= RUNS; i += 1) {
    const plan = { ...PLAIN, class: 'learn', name: 'no fault', workload };
    const result = await runPlan(lane, plan, build, `learn-${workload}-${i}`);
    log(`${workload}, run ${i}: ${result.seconds.toFixed(1)} s, ${result.journal.exchanges.length} calls`);
    const [violation] = result.violations;
    if (violation !== undefined)
      throw new Error(`${workload} without faults: ${violation.oracle}: ${violation.message}`);
    journals.push(result.journal);
  }
  return {
    calls: Math.max(...journals.map(({ exchanges }) => exchanges.length)),
    requests: common(journals.map(({ exchanges }) => exchanges)),
    lines: common(journals.map(({ lines }) => lines)),
  };
}

/** What was not learnt anew stays, and with it the numbers of its plans. */
export function writeReference(learnt: Partial<Reference>): void {
  const reference: Reference = { ...REFERENCE, ...learnt };
  writeFileSync(REFERENCE_FILE, `${JSON.stringify(reference, null, 2)}\n`);
}
