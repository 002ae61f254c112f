/**
 * What nodes, people, other controllers, clocks and the control plane do, at every phase of a rotation.
 */
import { PLAIN, type Plan, type WorldStrike } from '../plan.ts';
import { WORLD } from '../world/all.ts';

const PHASES: readonly WorldStrike['phase'][] = ['Before', 'Staging', 'Promoting', 'Draining', 'Retiring'];
/** At once, and in the middle of the restart. */
const MOMENTS_MS = [0, 500];

export function worldPlans(): readonly Plan[] {
  return WORLD.flatMap((fault) =>
    (fault.phases ?? PHASES).flatMap((phase) =>
      (fault.moments ?? MOMENTS_MS).map((afterMs): Plan => {
        const { name, exclusive, without, replicas = 1 } = fault;
        const moment = afterMs === 0 ? `@${phase}` : `@${phase} + ${afterMs} ms`;
        return {
          ...PLAIN,
          class: fault.class,
          name: `${name} ${moment}`,
          world: [{ name, phase, afterMs }],
          replicas,
          ...(exclusive === undefined ? {} : { exclusive }),
          ...(without === undefined ? {} : { without }),
        };
      }),
    ),
  );
}
