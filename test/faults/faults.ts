/**
 * The fault campaign (`make faults`):
 *
 *   node test/faults/faults.ts --list [WORD]          the plans by class, or those with WORD in their name
 *   node test/faults/faults.ts --plan 123             one plan, by number or name
 *   node test/faults/faults.ts --only WORD            the plans of a class, or with WORD in their name
 *   node test/faults/faults.ts --slice 2/8            every eighth plan, from the second on
 *   node test/faults/faults.ts --learn WORKLOAD,…     writes the reference of these anew, and the numbers of plans change
 *   node test/faults/faults.ts --selftest             a broken operator for each oracle; --only WORD: those named so
 *
 *   --resume FILE    append outcomes to FILE and leave out what is in it
 *   --minutes M      begin no plan after M minutes
 *   --workers N      processes with a cluster each (2)      --lanes N    rotations at the same time in each (3)
 *   --times N        run each plan N times                   --traces DIR where traces of violations go
 *
 * Exit status 1 if an oracle was violated.
 */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type CampaignOptions, learnReference, runJobs } from './coordinator.ts';
import { type NumberedPlan, WORKLOADS, type Workload } from './plan.ts';
import { allPlans, countsOf } from './plans/all.ts';
import { failuresOf, summaryOf } from './summary.ts';
import type { Outcome } from './worker.ts';

const { values } = parseArgs({
  options: {
    list: { type: 'boolean', default: false },
    plan: { type: 'string', multiple: true, default: [] },
    only: { type: 'string' },
    slice: { type: 'string' },
    learn: { type: 'string' },
    selftest: { type: 'boolean', default: false },
    resume: { type: 'string' },
    minutes: { type: 'string', default: '100000' },
    workers: { type: 'string', default: '2' },
    lanes: { type: 'string', default: '3' },
    times: { type: 'string', default: '1' },
    traces: { type: 'string', default: join(tmpdir(), 'rekey-faults-traces') },
  },
});

process.exitCode = await main();

async function main(): Promise<number> {
  const plans = allPlans();
  if (values.list) return list(select(plans));
  const options = optionsOf();
  if (values.learn !== undefined) {
    await learnReference(values.learn.split(',').map(workloadOf), options);
    return 0;
  }
  if (values.selftest) {
    const { selftest } = await import('./selftest.ts');
    return selftest(options, values.only);
  }
  const chosen = select(plans);
  for (const [name, count] of countsOf(plans)) console.log(`  ${String(count).padStart(5)} ${name}`);
  console.log(`plans listed: ${plans.length}, chosen: ${chosen.length}`);
  const repeated = Array.from({ length: Number(values.times) }, () => chosen).flat();
  const outcomes = await runJobs(
    repeated.map((plan) => ({ plan })),
    options,
  );
  for (const line of summaryOf(outcomes, options.traces)) console.log(line);
  return failuresOf(outcomes).length === 0 ? 0 : 1;
}

function workloadOf(name: string): Workload {
  const workload = WORKLOADS.find((one) => one === name);
  if (workload === undefined) throw new Error(`--learn ${name}: give ${WORKLOADS.join(', ')}`);
  return workload;
}

function select(plans: readonly NumberedPlan[]): readonly NumberedPlan[] {
  const named = values.plan.map((id) => {
    const found = plans.find(({ number, name }) => String(number) === id || name === id);
    if (found === undefined) throw new Error(`there is no plan ${id}: see --list`);
    return found;
  });
  if (named.length > 0) return named;
  const { only, slice } = values;
  const fitting = only === undefined ? plans : plans.filter((plan) => plan.class === only || plan.name.includes(only));
  if (slice === undefined) return fitting;
  const [, part = '1', parts = '1'] = /^(\d+)\/(\d+)$/.exec(slice) ?? [];
  return fitting.filter((_, i) => i % Number(parts) === Number(part) - 1);
}

function list(plans: readonly NumberedPlan[]): number {
  if (values.only !== undefined) for (const plan of plans) console.log(`${plan.number} (${plan.class}) ${plan.name}`);
  for (const [name, count] of countsOf(plans)) console.log(`  ${String(count).padStart(5)} ${name}`);
  console.log(`plans listed: ${plans.length}`);
  return 0;
}

function optionsOf(): CampaignOptions {
  let done = 0;
  return {
    workers: Number(values.workers),
    lanes:
      values.plan.length > 0
        ? Math.min(Number(values.lanes), values.plan.length * Number(values.times))
        : Number(values.lanes),
    limitMs: Number(values.minutes) * 60_000,
    ...(values.resume === undefined ? {} : { resume: values.resume }),
    traces: values.traces,
    log: (line) => console.error(line),
    onOutcome: (outcome: Outcome) => {
      done += 1;
      const { number, name, seconds, fired, violations } = outcome;
      const verdict = violations.length > 0 ? 'VIOLATION' : fired ? 'ok' : 'ok (never came about)';
      console.log(`${String(done).padStart(5)} plan ${number} ${seconds.toFixed(1)} s ${verdict}: ${name}`);
      for (const { oracle, message } of violations) console.log(`        ${oracle}: ${message}`);
    },
  };
}
