/**
 * One plan on one lane: a rotation under traffic with faults, and then the judgement.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Journal } from '../support/faultproxy/journal.ts';
import { waitForServices } from '../support/scenario/services.ts';
import { startTraffic } from '../support/traffic/traffic.ts';
import { Crew } from './crew.ts';
import { askPods, textsOf } from './end-state.ts';
import type { Evidence, Violation } from './evidence.ts';
import { TOKEN_TTL_SECONDS } from './fleet.ts';
import type { Lane } from './lane.ts';
import type { Build } from './operator.ts';
import { judge } from './oracles/all.ts';
import { wronglyRejected } from './oracles/traffic.ts';
import { patience } from './patience.ts';
import { Person } from './person.ts';
import type { Plan, Workload } from './plan.ts';
import { snapshotOf } from './snapshot.ts';
import { Strikes } from './strikes.ts';
import { wishOf } from './workload.ts';
import { worldFault } from './world/all.ts';

/** A rotation is over this long after the last fault at the latest, milliseconds: without faults it takes about 32 s. */
const BOUND_MS = 75_000;
const TWO_ROTATIONS: readonly Workload[] = ['preStage', 'lazy'];
const TOKENS_PER_SECOND = 8;
const CLOCK = join(import.meta.dirname, 'clock.ts');
/** The rotation is asked for when the operator has looked at the Secret, or after this: a fault may keep it from that. */
const FIRST_LOOK_MS = 4_000;
/** Or once it has adopted it, however slowly it starts: requests that it finds then count as served. */
const ADOPTED_MS = 60_000;

export interface Result {
  readonly violations: readonly Violation[];
  readonly journal: Journal;
  /** Whether a fault of the plan came about at all. */
  readonly fired: boolean;
  /** How many requests and events were struck. */
  readonly struck: number;
  readonly ended: boolean;
  readonly seconds: number;
  readonly tokens: number;
  readonly checks: number;
  readonly rejected: number;
  /** Pods that a person has deleted because rekey asked for it. */
  readonly heeded: number;
  /** Writes of the Secret in words, without a key. */
  readonly story: readonly string[];
  readonly logs: readonly { readonly name: string; readonly text: string }[];
}

export async function runPlan(lane: Lane, plan: Plan, build: Build, run: string): Promise<Result> {
  const { api, namespace, history, ledger, proxy } = lane;
  const startedAt = Date.now();
  history.restart();
  ledger.restart();
  await lane.audit.take(namespace);
  const before = await snapshotOf(lane, plan);
  const keysBefore = new Set(history.keys());
  const clockFile = join(lane.dir, 'clock');
  const setClock = (aheadMs: number): void => writeFileSync(clockFile, String(aheadMs));
  setClock(0);
  const env = { REKEY_FAULTS_CLOCK: clockFile };
  const clocked = { ...build, preload: [...build.preload, CLOCK] };
  const needsClock = plan.world.some(({ name }) => worldFault(name).class === 'clock');
  const crew = new Crew({ lane, build: needsClock ? clocked : build, replicas: plan.replicas, run, env });
  const strikes = new Strikes(crew, plan.strikes);
  const journal = proxy.begin(strikes);
  const traffic = startTraffic({
    endpoints: ledger.endpoints,
    tokensPerSecond: TOKENS_PER_SECOND,
    tokenTtlSeconds: TOKEN_TTL_SECONDS,
    issuers: ['main'],
    recheckEveryMs: 600,
    leewaySeconds: 0.3,
  });
  const wish = wishOf(lane, plan.workload);
  const person = new Person(lane, plan);
  const over = Promise.withResolvers<void>();
  const world: Promise<void>[] = [];
  let worldEndsAt = 0;
  const strikeWorld = (phase: string): void => {
    for (const strike of plan.world.filter((one) => one.phase === phase)) {
      const task = sleep(strike.afterMs)
        .then(() => worldFault(strike.name).run({ lane, over: over.promise, setClock, control: lane.control }))
        .finally(() => {
          worldEndsAt = Date.now();
        });
      // Its failure is told at the end.
      task.catch(() => undefined);
      world.push(task);
    }
  };
  const seen = new Set<string>();
  const forget = history.onRecord(({ phase, foreign }) => {
    if (foreign || seen.has(phase)) return;
    seen.add(phase);
    strikeWorld(phase);
    wish.onPhase(phase).catch((error: unknown) => strikes.failed(error));
  });
  try {
    strikeWorld('Before');
    await crew.start();
    const isAdopted = (): boolean => history.latest()?.phase !== '';
    const lookMs = isAdopted() ? FIRST_LOOK_MS : ADOPTED_MS;
    const hasLooked = (): boolean => proxy.phase !== 'Start' && isAdopted();
    for (let waited = 0; waited < lookMs * patience() && !hasLooked(); waited += 50) await sleep(50);
    await wish.begin();
    const faultsEndAt = (): number => Math.max(startedAt, strikes.lastFaultEndsAt, worldEndsAt);
    const boundMs = (plan.boundMs ?? BOUND_MS) * (TWO_ROTATIONS.includes(plan.workload) ? 2 : 1);
    while (!wish.isOver() && Date.now() < faultsEndAt() + boundMs * patience()) {
      await wish.goOn();
      if (worldEndsAt > 0) await person.look();
      await sleep(50);
    }
    const ended = wish.isOver();
    const seconds = (Date.now() - faultsEndAt()) / 1000;
    over.resolve();
    const failures = (await Promise.allSettled(world)).flatMap((one) =>
      one.status === 'rejected' ? [one.reason] : [],
    );
    await traffic.drain();
    const report = await traffic.stop();
    if (ended) await waitForServices(api, namespace, { timeoutMs: 20_000 }).catch(() => undefined);
    await ledger.settled();
    const pods = await askPods(lane, plan.workload);
    const metrics = await crew.metrics();
    await crew.stop();
    await wish.end();
    const after = await snapshotOf(lane, plan);
    const texts = [...crew.logs(), { name: 'metrics', text: metrics }, ...(await textsOf(lane))];
    const records = [...history.records];
    const evidence: Evidence = {
      ...{ plan, journal, records, keysBefore, before, after, texts },
      traffic: report,
      keysAfter: history.keys(),
      lives: [...ledger.lives],
      ending: { ended, resource: lane.resource(), seconds, pods },
      logs: crew.logs(),
      deaths: crew.deaths,
      processes: crew.started,
      audited: await lane.audit.take(namespace),
      faultMs: Math.max(0, faultsEndAt() - startedAt),
      allowedFrom: wish.allowedFrom(),
    };
    const violations = judge(evidence);
    const own = [...strikes.errors, ...failures].map((error) => ({
      oracle: 'the harness itself',
      message: String(error),
    }));
    return {
      violations: [...violations, ...own],
      journal,
      fired: strikes.fired > 0 || world.length > 0,
      struck: strikes.fired,
      ended,
      seconds: (Date.now() - startedAt) / 1000,
      tokens: report.issued,
      checks: report.checks,
      rejected: wronglyRejected(evidence).length,
      heeded: person.heeded,
      story: records.map(
        ({ at, resourceVersion, version, phase, sign, foreign }) =>
          `${((at - startedAt) / 1000).toFixed(2).padStart(6)} rv=${resourceVersion} version ${version} ${phase}, key ${history.signed().indexOf(sign)} signs${foreign ? ' (by the plan)' : ''}`,
      ),
      logs: crew.logs(),
    };
  } finally {
    over.resolve();
    forget();
    await Promise.all([traffic.stop(), crew.stop()]);
  }
}
