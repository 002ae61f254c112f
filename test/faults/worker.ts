/**
 * One process of a campaign: a cluster of its own, and lanes on it that run the plans which the coordinator hands out.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AuditTail } from './audit-tail.ts';
import { type CampaignCluster, startCampaignCluster } from './cluster.ts';
import type { Violation } from './evidence.ts';
import { FIRST, type Fleet, fleetOf } from './fleet.ts';
import { type Lane, openLane } from './lane.ts';
import { learn, writeReference } from './learn.ts';
import type { Build } from './operator.ts';
import { type NumberedPlan, PLAIN, type Workload } from './plan.ts';
import { runRestore } from './restore-run.ts';
import { type Result, runPlan } from './run.ts';

/** What the coordinator sends. */
export type Order =
  | { readonly kind: 'start'; readonly setup: Setup }
  | { readonly kind: 'plan'; readonly lane: number; readonly plan: NumberedPlan; readonly build?: Build }
  | { readonly kind: 'learn'; readonly workloads: readonly Workload[] }
  | { readonly kind: 'stop' };

export interface Setup {
  readonly dir: string;
  /** Where traces of violations are written. */
  readonly traces: string;
  readonly service: string;
  readonly build: Build;
}

/** What of a result is told: no journal, no log. */
export interface Outcome {
  readonly number: number;
  readonly name: string;
  readonly class: string;
  readonly violations: readonly Violation[];
  readonly fired: boolean;
  readonly seconds: number;
  readonly tokens: number;
  readonly checks: number;
  readonly rejected: number;
  /** Pods that a person has deleted because rekey asked for it. */
  readonly heeded: number;
}

/** What a worker sends. */
export type Report =
  | { readonly kind: 'ready' }
  | { readonly kind: 'done'; readonly lane: number; readonly outcome: Outcome }
  | { readonly kind: 'learned' }
  | { readonly kind: 'log'; readonly line: string };

let setup: Setup | undefined;
let cluster: CampaignCluster | undefined;
let audit: AuditTail | undefined;
const lanes: (Lane | undefined)[] = [];
let runs = 0;
let clusters = 0;

const tell = (report: Report): void => void process.send?.(report);
const log = (line: string): void => tell({ kind: 'log', line });

process.on('message', (order: Order) => {
  obey(order).catch((error: unknown) => {
    log(`worker: ${error instanceof Error ? error.stack : String(error)}`);
    process.exitCode = 1;
    process.disconnect?.();
  });
});
process.on('disconnect', () => void stop());

async function obey(order: Order): Promise<void> {
  switch (order.kind) {
    case 'start':
      setup = order.setup;
      await newCluster();
      return tell({ kind: 'ready' });
    case 'plan':
      return tell({ kind: 'done', lane: order.lane, outcome: await runOn(order.lane, order.plan, order.build) });
    case 'learn': {
      if (setup === undefined) throw new Error('the worker was not started');
      const { build } = setup;
      const each = order.workloads.map(async (workload, lane) => {
        return [workload, await learn(await newLane(lane, fleetOf(workload)), build, log, workload)] as const;
      });
      writeReference(Object.fromEntries(await Promise.all(each)));
      return tell({ kind: 'learned' });
    }
    case 'stop':
      await stop();
      process.disconnect?.();
  }
}

let stopping: Promise<void> | undefined;

function stop(): Promise<void> {
  stopping ??= (async () => {
    await cluster?.stop();
    process.exit();
  })();
  return stopping;
}

/** Instead of the one that there is, if there is one. */
async function newCluster(): Promise<void> {
  if (setup === undefined) throw new Error('the worker was not started');
  await cluster?.stop();
  lanes.fill(undefined);
  clusters += 1;
  cluster = await startCampaignCluster(join(setup.dir, String(clusters)), setup.service);
  audit = new AuditTail(cluster.provided.auditLogPath);
}

/** A lane whose Secret is adopted. */
async function newLane(index: number, fleet: Fleet): Promise<Lane> {
  if (cluster === undefined || audit === undefined || setup === undefined) throw new Error('the worker has no cluster');
  await lanes[index]?.close();
  const lane = await openLane({
    cluster: cluster.provided,
    audit,
    control: cluster.local.controlPlane,
    language: 'go',
    fleet,
  });
  lanes[index] = lane;
  const plan = { ...PLAIN, class: 'first', name: 'no fault', workload: FIRST[fleet] };
  const first = await runPlan(lane, plan, setup.build, nextRun());
  if (!first.ended)
    throw new Error(`a lane does not get through its first rotation: ${JSON.stringify(first.violations)}`);
  return lane;
}

function nextRun(): string {
  runs += 1;
  return `run${String(runs).padStart(5, '0')}`;
}

async function runOn(index: number, plan: NumberedPlan, build?: Build): Promise<Outcome> {
  if (setup === undefined) throw new Error('the worker was not started');
  const fleet = fleetOf(plan.workload);
  const { number, name, class: kind } = plan;
  const id = { number, name, class: kind };
  let result: Result;
  try {
    const open = lanes[index];
    const lane = open?.fleet === fleet ? open : await newLane(index, fleet);
    const [of, id] = [build ?? setup.build, nextRun()];
    result =
      plan.restored !== undefined && cluster !== undefined
        ? await runRestore(cluster, lane, plan, of, id)
        : await runPlan(lane, plan, of, id);
  } catch (error) {
    await discard(index);
    if (plan.restored !== undefined) await newCluster();
    const violations = [
      { oracle: 'the harness itself', message: error instanceof Error ? (error.stack ?? '') : String(error) },
    ];
    return { ...id, violations, fired: false, seconds: 0, tokens: 0, checks: 0, rejected: 0, heeded: 0 };
  }
  if (result.violations.length > 0) writeTrace(setup.traces, plan, result);
  if (plan.restored !== undefined) await newCluster();
  // A lane that does not get on would make the next plan fail for nothing.
  else if (!result.ended || result.violations.length > 0) {
    await discard(index);
  }
  const { violations, fired, seconds, tokens, checks, rejected, heeded } = result;
  return { ...id, violations, fired, seconds, tokens, checks, rejected, heeded };
}

/** The next plan opens another. */
async function discard(index: number): Promise<void> {
  const lane = lanes[index];
  lanes[index] = undefined;
  await lane?.close().catch(() => undefined);
}

function writeTrace(dir: string, plan: NumberedPlan, { violations, story, journal, logs }: Result): void {
  mkdirSync(dir, { recursive: true });
  const text = [
    `plan ${plan.number} (${plan.class}): ${plan.name}`,
    ...violations.map(({ oracle, message }) => `VIOLATION ${oracle}: ${message}`),
    '',
    'the Secret:',
    ...story,
    '',
    'requests:',
    ...journal.trace(),
    '',
    ...journal.lines.filter(({ fault }) => fault !== undefined).map((line) => `line ${JSON.stringify(line)}`),
    ...logs.flatMap((log) => ['', log.name, log.text]),
  ];
  writeFileSync(join(dir, `plan-${plan.number}.txt`), text.join('\n'));
}
