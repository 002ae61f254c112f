/**
 * Honesty: for each oracle a broken operator that trips it. A campaign that finds nothing may be blind.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { patched } from '../mutants/patches.ts';
import { type CampaignOptions, type Job, runJobs } from './coordinator.ts';
import { MUTANTS, type Mutant } from './mutants.ts';
import { repoRoot } from './operator.ts';
import { ORACLES } from './oracles/all.ts';
import { PLAIN, type Plan } from './plan.ts';
import { allPlans } from './plans/all.ts';

/** A mutant that never comes to an end need not be waited for as long as the real operator, milliseconds. */
const BOUND_MS = 60_000;

/**
 * @param only a word in the names of the mutants that are run; all if absent, and then every oracle must be tripped
 * @returns the exit code
 */
export async function selftest(options: CampaignOptions, only?: string): Promise<number> {
  for (const { patches } of MUTANTS) {
    const files = new Map<string, string>();
    for (const patch of patches) {
      const source = files.get(patch.file) ?? readFileSync(join(repoRoot, patch.file), 'utf8');
      files.set(patch.file, patched(source, patch));
    }
  }
  const plans = allPlans();
  const jobs = MUTANTS.map((mutant, i): Job => {
    const plan: Plan | undefined =
      mutant.plan === undefined
        ? { ...PLAIN, class: 'mutant', name: 'no fault', ...(mutant.workload && { workload: mutant.workload }) }
        : plans.find(({ name }) => name === mutant.plan);
    if (plan === undefined) throw new Error(`there is no plan ${mutant.plan}`);
    const name = `${mutant.name}: ${plan.name}`;
    return { plan: { ...plan, name, number: -1 - i, boundMs: BOUND_MS }, mutant: mutant.name };
  });
  // What is in a file from before was another operator's.
  const { resume: _, ...fresh } = options;
  const chosen = jobs.filter(({ mutant = '' }) => mutant.includes(only ?? ''));
  const outcomes = await runJobs(chosen, fresh);
  const tripped = new Map<string, Set<string>>();
  let blind = 0;
  for (const { number, violations } of outcomes) {
    const mutant = MUTANTS[-1 - number] as Mutant;
    const found = new Set(violations.map(({ oracle }) => oracle));
    for (const oracle of found) tripped.set(oracle, (tripped.get(oracle) ?? new Set()).add(mutant.name));
    for (const oracle of mutant.trips.filter((one) => !found.has(one))) {
      blind += 1;
      console.log(`NOT tripped by ${mutant.name}: ${oracle}`);
    }
  }
  for (const oracle of Object.keys(ORACLES)) {
    const by = [...(tripped.get(oracle) ?? [])];
    if (by.length === 0 && only !== undefined) continue;
    if (by.length === 0) blind += 1;
    console.log(`${oracle}: ${by.length === 0 ? 'TRIPPED BY NOTHING' : `tripped by ${by.join('; ')}`}`);
  }
  console.log(`mutants=${chosen.length} oracles=${Object.keys(ORACLES).length} blind=${blind}`);
  return blind === 0 ? 0 : 1;
}
