/**
 * Two faults at once: one of a request, an event or a crash, and one of the world, drawn by a seed.
 */
import { mulberry32 } from '../../support/traffic/random.ts';
import type { Plan } from '../plan.ts';

const PAIRS = 600;
/** These break by themselves what others are judged by. */
const APART = new Set(['control plane', 'paused leader', 'cut off', 'clock']);

export function pairPlans(ones: readonly Plan[], others: readonly Plan[]): readonly Plan[] {
  const random = mulberry32(2_026);
  const draw = (from: readonly Plan[]): Plan => from[Math.floor(random() * from.length)] as Plan;
  const [calls, worlds] = [ones, others].map((plans) => plans.filter(({ class: name }) => !APART.has(name)));
  return Array.from({ length: PAIRS }, (_, i): Plan => {
    const [one, other] = [draw(calls ?? []), draw(worlds ?? [])];
    return {
      class: 'pairs',
      name: `pair ${i + 1}: ${one.name} & ${other.name}`,
      workload: one.workload,
      strikes: one.strikes,
      world: other.world,
      replicas: Math.max(one.replicas, other.replicas),
      without: { ...one.without, ...other.without },
    };
  });
}
