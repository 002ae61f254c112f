/**
 * All plans, numbered. The numbers follow from reference.json and these files, so they are the same on every machine.
 */
import type { NumberedPlan, Plan, Workload } from '../plan.ts';
import { REFERENCE, type Reference, type Rotation } from '../reference.ts';
import { callPlans } from './calls.ts';
import { crashPlans, loopPlans } from './crashes.ts';
import { linePlans } from './lines.ts';
import { pairPlans } from './pairs.ts';
import { restorePlans, wayPlans, worldPlans } from './worlds.ts';

/** Where they go another way than a rotation that nothing stops. */
const OWN_PHASES: Readonly<Record<Exclude<Workload, 'rotate'>, RegExp>> = {
  abort: /^(Staging|Aborting|After)/,
  rollback: /^(Draining|Promoting again|Retiring|After)/,
  emergency: /^(Before|Burning|After)/,
  leak: /^(Promoting|Burning)/,
  cutover: /^(Before|Switching|After)/,
  // the first rotation is its own from its last write on, which stages the next key; the second all the way
  preStage: /^(Draining|Retiring|After|Promoting again)/,
  // the last restart is left out, and the next rotation begins over pods that hold an older keyset
  lazy: /^(Retiring|After|.* again)/,
  files: /^(Before|Staging|Promoting|Draining|Retiring|After)/,
};

const WAYS = ['cutover', 'preStage', 'lazy', 'files'] as const;

export function allPlans(reference: Reference = REFERENCE): readonly NumberedPlan[] {
  const rotate = plansOf(reference.rotate);
  const world = worldPlans();
  const plans: readonly Plan[] = [
    ...rotate,
    ...loopPlans(),
    ...world,
    ...restorePlans(),
    ...pairPlans(rotate, world),
    ...others(reference, 'abort'),
    ...others(reference, 'rollback'),
    ...others(reference, 'emergency'),
    ...others(reference, 'leak'),
    // what comes later comes last, so that numbers stay
    ...WAYS.flatMap((workload) => [...others(reference, workload), ...wayPlans(workload)]),
  ];
  return plans.map((plan, i) => ({ ...plan, number: i + 1 }));
}

function plansOf(rotation: Rotation): readonly Plan[] {
  return [...callPlans(rotation), ...crashPlans(rotation), ...linePlans(rotation)];
}

/** The plans of another workload, for the phases that are its own. */
function others(reference: Reference, workload: Exclude<Workload, 'rotate'>): readonly Plan[] {
  const { calls, requests, lines } = reference[workload];
  const own = ({ phase }: { readonly phase: string }): boolean => OWN_PHASES[workload].test(phase);
  const rotation = { calls, requests: requests.filter(own), lines: lines.filter(own) };
  return plansOf(rotation).map((plan) => ({
    ...plan,
    workload,
    class: `${workload}: ${plan.class}`,
    name: `${workload}: ${plan.name}`,
  }));
}

/** @returns how many plans each class has, in the order of the plans */
export function countsOf(plans: readonly Pick<Plan, 'class'>[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const plan of plans) counts.set(plan.class, (counts.get(plan.class) ?? 0) + 1);
  return counts;
}
