/**
 * Some plans of the fault campaign on the cluster that all tests share, several in one rotation each; `make faults` runs
 * them all, one by one.
 */
import { describe, expect, inject, it } from 'vitest';
import { AuditTail } from '../faults/audit-tail.ts';
import { bundleOperator } from '../faults/cluster.ts';
import { openLane } from '../faults/lane.ts';
import { PLAIN, type Plan } from '../faults/plan.ts';
import { allPlans } from '../faults/plans/all.ts';
import { type Result, runPlan } from '../faults/run.ts';

const cluster = inject('cluster');

/** The faults of one rotation each; the rotation adopts the Secret as well. */
const ROTATIONS = [
  [
    'patch secrets @Before #1: applied, but reset',
    'GitOps takes all annotations each second, for 5 s @Promoting',
    'get secrets @Retiring #1: 503 for 4 s',
  ],
  [
    'killed at patch secrets @Staging #1 when it is applied',
    'pods MODIFIED @Staging #3: it is lost until 410 after 4 s',
    'an autoscaler moves main each second, for 5 s @Staging',
  ],
  [
    'killed at patch deployments main @Promoting #1 when it is applied, again at request 3 of the recovery',
    'patch deployments main @Retiring #1: 409 for 2 s',
    'the phase is taken away, for 2 s @Draining',
  ],
  [
    'patch secrets @Before #1: sent twice',
    'told to stop at patch secrets @Promoting #1 when it is applied',
    'all pods of main crash @Retiring + 500 ms',
  ],
  ['emergency: pods MODIFIED @Burning #2: it comes 3 s late'],
  ['preStage: get jwtkeyrotations @Draining again #1: answered from long past'],
] as const;

/** As everywhere in this suite: a machine that is busy, or starved by another one, is no failure. `make faults` has its own bound. */
const BOUND_MS = 300_000;

const build = bundleOperator(cluster.dir);
const audit = new AuditTail(cluster.auditLogPath);

function together(names: readonly string[]): Plan {
  const plans = names.map((name) => {
    const plan = allPlans().find((one) => one.name === name);
    if (plan === undefined) throw new Error(`there is no plan ${name}`);
    return plan;
  });
  return {
    ...PLAIN,
    workload: plans[0]?.workload ?? PLAIN.workload,
    class: 'together',
    name: names.join('; '),
    boundMs: BOUND_MS,
    strikes: plans.flatMap(({ strikes }) => strikes),
    world: plans.flatMap(({ world }) => world),
    without: Object.assign({}, ...plans.map(({ without }) => without)) as NonNullable<Plan['without']>,
  };
}

function said({ violations, story, journal }: Result): string {
  const found = violations.map(({ oracle, message }) => `${oracle}: ${message}`);
  return found.length === 0 ? '' : [...found, ...story, ...journal.trace()].join('\n');
}

describe.concurrent('no valid token is rejected', () => {
  for (const [i, names] of ROTATIONS.entries()) {
    it(`whatever fails: ${names.join('; ')}`, async () => {
      const lane = await openLane({ cluster, audit: await audit });
      const plan = together(names);
      const result = await runPlan(lane, plan, await build, `rotation-${i}`);
      expect(said(result)).toBe('');
      expect(result.struck).toBeGreaterThanOrEqual(plan.strikes.length);
      await lane.close();
    });
  }
});
