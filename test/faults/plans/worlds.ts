/**
 * What nodes, people, other controllers, clocks and the control plane do, at every phase of a rotation.
 */
import { PLAIN, type Plan, type WorldStrike } from '../plan.ts';
import { WORLD } from '../world/all.ts';

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
