/**
 * The account of a campaign.
 */
import { join } from 'node:path';
import { countsOf } from './plans/all.ts';
import type { Outcome } from './worker.ts';

export function failuresOf(outcomes: readonly Outcome[]): readonly Outcome[] {
  return outcomes.filter(({ violations }) => violations.length > 0);
}

/** @returns lines for people; the last one for machines */
export function summaryOf(outcomes: readonly Outcome[], traces: string): readonly string[] {
  const failures = failuresOf(outcomes);
  const sum = (pick: (outcome: Outcome) => number): number => outcomes.reduce((total, one) => total + pick(one), 0);
  const idle = outcomes.filter(({ fired }) => !fired).length;
  const seconds = outcomes.map((outcome) => outcome.seconds).sort((a, b) => a - b);
  const median = seconds[Math.floor(seconds.length / 2)] ?? 0;
  const lost = failures.filter(({ violations }) => violations.some(({ oracle }) => oracle.startsWith('W2'))).length;
  const classes = countsOf(outcomes);
  return [
    ...failures.flatMap(({ number, name, violations }) => [
      `plan ${number}: ${name}`,
      ...violations.map(({ oracle, message }) => `  ${oracle}: ${message}`),
      `  trace: ${join(traces, `plan-${number}.txt`)}; again: node test/faults/faults.ts --plan ${number}`,
    ]),
    ...[...classes].map(([name, count]) => `${String(count).padStart(5)} ${name}`),
    `faults that never came about: ${idle}`,
    `pods that rekey asked a person to delete: ${sum((one) => one.heeded)}, in ${outcomes.filter((one) => one.heeded > 0).length} plans`,
    `a plan takes ${(sum((one) => one.seconds) / Math.max(1, outcomes.length)).toFixed(1)} s, the median ${median.toFixed(1)} s`,
    `plans=${outcomes.length} violations=${failures.length} rotations=${outcomes.length} tokens=${sum((one) => one.tokens)} rejected=${sum((one) => one.rejected)} keys_lost=${lost}`,
  ];
}
