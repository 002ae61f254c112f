/**
 * What nodes, people and other controllers do, at every phase of a rotation.
 */
import { PLAIN, type Plan, type WorldStrike } from '../plan.ts';
import { WORLD } from '../world.ts';

const PHASES: readonly WorldStrike['phase'][] = ['Before', 'Staging', 'Promoting', 'Draining', 'Retiring'];
/** At once, and in the middle of the restart. */
const MOMENTS_MS = [0, 500];

export function worldPlans(): readonly Plan[] {
  return Object.keys(WORLD).flatMap((name) =>
    PHASES.flatMap((phase) =>
      MOMENTS_MS.map((afterMs): Plan => {
        const moment = afterMs === 0 ? `@${phase}` : `@${phase} + ${afterMs} ms`;
        return { ...PLAIN, class: 'world', name: `${name} ${moment}`, world: [{ name, phase, afterMs }] };
      }),
    ),
  );
}
