/**
 * What nodes, people, other controllers, clocks and the control plane do, at every phase of a rotation.
 */
import { PLAIN, type Plan, type Workload, type WorldStrike } from '../plan.ts';
import { WORLD } from '../world/all.ts';
import type { WorldFault } from '../world/world.ts';

const PHASES: readonly WorldStrike['phase'][] = ['Before', 'Staging', 'Promoting', 'Draining', 'Retiring'];
/** At once, and in the middle of the restart. */
const MOMENTS_MS = [0, 500];

/** What is signed until the restore must be accepted after it: no other pair of phases can promise that. */
const RESTORES = [
  ['Staging', 'Promoting'],
  ['Staging', 'Draining'],
  ['Promoting', 'Draining'],
  ['Promoting', 'Retiring'],
  ['Draining', 'Retiring'],
  ['Draining', 'After'],
  ['Retiring', 'After'],
] as const;

export function restorePlans(): readonly Plan[] {
  return RESTORES.flatMap(([from, to]) =>
    [false, true].map((bump): Plan => {
      const name = `etcd is put back @${to} to what it was @${from}${bump ? ', with revisions that go on' : ''}`;
      const again = 'what was done after the snapshot is done again';
      const without = { 'few restarts': again, 'old leaders write nothing': again, 'few API calls': again };
      return { ...PLAIN, class: 'etcd restored', name, exclusive: true, restored: { from, to, bump }, without };
    }),
  );
}

export function worldPlans(): readonly Plan[] {
  return WORLD.flatMap((fault) => plansOf(fault, fault.phases ?? PHASES));
}

interface Surroundings {
  readonly phases: readonly WorldStrike['phase'][];
  /** Of the faults of the world. */
  readonly classes: readonly string[];
}

/** Where another way to rotate meets nodes, people and others that an ordinary rotation does not meet. */
const AROUND: Readonly<Partial<Record<Workload, Surroundings>>> = {
  cutover: {
    phases: ['Before', 'Switching'],
    classes: ['nodes and pods', 'people and controllers', 'hand-edited Secret', 'lease and rights'],
  },
  preStage: { phases: ['Retiring'], classes: ['nodes and pods', 'people and controllers'] },
  lazy: { phases: ['Retiring'], classes: ['nodes and pods', 'people and controllers'] },
  files: { phases: ['Staging', 'Promoting', 'Draining', 'Retiring'], classes: ['nodes and pods'] },
};

export function wayPlans(workload: Workload): readonly Plan[] {
  const { phases, classes } = AROUND[workload] ?? { phases: [], classes: [] };
  const faults = WORLD.filter((fault) => classes.includes(fault.class));
  const plans = faults.flatMap((fault) => plansOf(fault, phases));
  return plans.map((plan) => ({
    ...plan,
    workload,
    class: `${workload}: ${plan.class}`,
    name: `${workload}: ${plan.name}`,
  }));
}

function plansOf(fault: WorldFault, phases: readonly WorldStrike['phase'][]): readonly Plan[] {
  const { name, exclusive, without, replicas = 1, moments = MOMENTS_MS } = fault;
  return phases.flatMap((phase) =>
    moments.map((afterMs): Plan => {
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
  );
}
