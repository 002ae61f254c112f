/**
 * All plans, numbered. The numbers follow from reference.json and these files, so they are the same on every machine.
 */
import type { NumberedPlan, Plan } from '../plan.ts';
import { REFERENCE, type Reference } from '../reference.ts';
import { callPlans } from './calls.ts';
import { crashPlans } from './crashes.ts';
import { linePlans } from './lines.ts';
import { worldPlans } from './worlds.ts';

export function allPlans(reference: Reference = REFERENCE): readonly NumberedPlan[] {
  const plans: readonly Plan[] = [
    ...callPlans(reference),
    ...crashPlans(reference),
    ...linePlans(reference),
    ...worldPlans(),
  ];
  return plans.map((plan, i) => ({ ...plan, number: i + 1 }));
}

/** @returns how many plans each class has, in the order of the plans */
export function countsOf(plans: readonly Pick<Plan, 'class'>[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const plan of plans) counts.set(plan.class, (counts.get(plan.class) ?? 0) + 1);
  return counts;
}
