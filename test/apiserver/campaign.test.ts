/** Some plans of the fault campaign on the cluster that all tests share; `make faults` runs them all. */
import { afterAll, describe, expect, inject, it } from 'vitest';
import { AuditTail } from '../faults/audit-tail.ts';
import { bundleOperator } from '../faults/cluster.ts';
import { type Lane, openLane } from '../faults/lane.ts';
import { allPlans } from '../faults/plans/all.ts';
import { type Result, runPlan } from '../faults/run.ts';

const cluster = inject('cluster');

/** Each row is run in a namespace of its own, one after another; the first rotation adopts the Secret as well. */
const ROWS = [
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
    'patch deployments main @Promoting #1: 409 for 2 s',
    'the phase is taken away, for 2 s @Draining',
  ],
] as const;

const build = bundleOperator(cluster.dir);
const audit = AuditTail.start(cluster.auditLogPath);
const lanes: Promise<Lane>[] = [];

function said({ violations, story, journal }: Result): string {
  const found = violations.map(({ oracle, message }) => `${oracle}: ${message}`);
  return found.length === 0 ? '' : [...found, ...story, ...journal.trace()].join('\n');
}

describe.concurrent('no valid token is rejected', () => {
  afterAll(async () => {
    for (const lane of await Promise.all(lanes)) await lane.close();
  });

  for (const [row, names] of ROWS.entries()) {
    it(`whatever fails: ${names.join('; ')}`, async () => {
      const opened = openLane({ cluster, audit: await audit });
      lanes.push(opened);
      const lane = await opened;
      for (const [i, name] of names.entries()) {
        const plan = allPlans().find((one) => one.name === name);
        if (plan === undefined) throw new Error(`there is no plan ${name}`);
        const result = await runPlan(lane, plan, await build, `plan-${row}-${i}`);
        expect(said(result)).toBe('');
        expect(result.fired).toBe(true);
      }
    });
  }
});
