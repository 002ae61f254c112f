/**
 * Hands plans out to workers and keeps the account.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildService } from '../support/cluster/programs.ts';
import { bundleOperator, copySources, mutantOperator } from './cluster.ts';
import { type Fleet, fleetOf } from './fleet.ts';
import type { NumberedPlan, Workload } from './plan.ts';
import type { Order, Outcome, Report } from './worker.ts';

export interface CampaignOptions {
  readonly workers: number;
  readonly lanes: number;
  /** No plan is begun after this, milliseconds. */
  readonly limitMs: number;
  /** Outcomes are appended here as JSON lines, and plans that are in it are not run again. */
  readonly resume?: string;
  /** Where traces of violations go. */
  readonly traces: string;
  readonly log: (line: string) => void;
  /** Told of each outcome as it comes. */
  readonly onOutcome: (outcome: Outcome) => void;
}

/** Plans among which a lane may choose. */
const LOOKAHEAD = 12;

/** One piece of work; with the name of a mutant it is that one's and not the campaign's own operator's. */
export interface Job {
  readonly plan: NumberedPlan;
  readonly mutant?: string;
}

class Worker {
  readonly child: ChildProcess;
  readonly #log: (line: string) => void;
  readonly #waiting = new Map<string, (report: Report) => void>();

  constructor(log: (line: string) => void) {
    this.#log = log;
    this.child = fork(join(import.meta.dirname, 'worker.ts'), { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    this.child.on('message', (report: Report) => {
      if (report.kind === 'log') this.#log(report.line);
      else this.#waiting.get(report.kind === 'done' ? `done ${report.lane}` : report.kind)?.(report);
    });
  }

  ask(order: Order, answer: string): Promise<Report> {
    return new Promise((resolve, reject) => {
      const died = (): void => reject(new Error('a worker has died'));
      this.child.once('exit', died);
      this.#waiting.set(answer, (report) => {
        this.child.off('exit', died);
        resolve(report);
      });
      this.child.send(order);
    });
  }

  async run(lane: number, { plan, mutant }: Job, sources: string): Promise<Outcome> {
    const build = mutant === undefined ? {} : { build: mutantOperator(sources, mutant) };
    const order: Order = { kind: 'plan', lane, plan, ...build };
    const report = await this.ask(order, `done ${lane}`);
    if (report.kind !== 'done') throw new Error(`a worker said ${report.kind}`);
    return report.outcome;
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const exited = once(this.child, 'exit');
    this.child.send({ kind: 'stop' } satisfies Order);
    await exited;
  }
}

/** Starts workers, lets `use` give them work, and ends them. */
async function withWorkers<T>(
  options: CampaignOptions,
  use: (workers: readonly Worker[], sources: string) => Promise<T>,
): Promise<T> {
  const dir = mkdtempSync(join(tmpdir(), 'rekey-faults-'));
  const workers: Worker[] = [];
  try {
    const sources = copySources(dir);
    const [service, build] = await Promise.all([buildService(dir), bundleOperator(dir)]);
    for (let i = 0; i < options.workers; i += 1) workers.push(new Worker(options.log));
    await Promise.all(
      workers.map((worker, i) => {
        const setup = { dir: join(dir, `worker-${i}`), traces: options.traces, service, build };
        return worker.ask({ kind: 'start', setup }, 'ready');
      }),
    );
    return await use(workers, sources);
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()));
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Writes the reference of some workloads anew. */
export function learnReference(workloads: readonly Workload[], options: CampaignOptions): Promise<void> {
  return withWorkers({ ...options, workers: 1 }, async ([worker]) => {
    await worker?.ask({ kind: 'learn', workloads }, 'learned');
  });
}

/** @returns the outcomes of this run and, with `resume`, of those before it */
export async function runJobs(jobs: readonly Job[], options: CampaignOptions): Promise<readonly Outcome[]> {
  const outcomes = [...earlier(options.resume)];
  const done = new Set(outcomes.map(({ name }) => name));
  const queue = spread(jobs.filter(({ plan }) => !done.has(plan.name)));
  options.log(`${queue.length} plans to run, ${jobs.length - queue.length} done before`);
  if (queue.length === 0) return outcomes;
  mkdirSync(options.traces, { recursive: true });
  const endsAt = Date.now() + options.limitMs;
  const keep = (outcome: Outcome): void => {
    outcomes.push(outcome);
    if (options.resume !== undefined) appendFileSync(options.resume, `${JSON.stringify(outcome)}\n`);
    options.onOutcome(outcome);
  };
  const shared = queue.filter(({ plan }) => plan.exclusive !== true);
  const alone = queue.filter(({ plan }) => plan.exclusive === true);
  const next = (from: Job[], fleet: Fleet): Job | undefined => (Date.now() < endsAt ? take(from, fleet) : undefined);
  await withWorkers(options, async (workers, sources) => {
    const lanes = workers.flatMap((worker) => Array.from({ length: options.lanes }, (_, lane) => ({ worker, lane })));
    await Promise.all(
      lanes.map(async ({ worker, lane }) => {
        let fleet: Fleet = 'env';
        for (let job = next(shared, fleet); job !== undefined; job = next(shared, fleet)) {
          fleet = fleetOf(job.plan.workload);
          keep(await worker.run(lane, job, sources));
        }
      }),
    );
    await Promise.all(
      workers.map(async (worker) => {
        for (let job = next(alone, 'env'); job !== undefined; job = next(alone, 'env')) {
          keep(await worker.run(0, job, sources));
        }
      }),
    );
  });
  return outcomes;
}

/** Of the next few the first that the services of a lane fit: to start others takes as long as a plan. */
function take(from: Job[], fleet: Fleet): Job | undefined {
  const fitting = from.slice(0, LOOKAHEAD).findIndex(({ plan }) => fleetOf(plan.workload) === fleet);
  return from.splice(Math.max(fitting, 0), 1)[0];
}

/** Classes mixed, so that a run that is cut short has seen some of each; the same order every time. */
function spread(jobs: readonly Job[]): readonly Job[] {
  const place = ({ plan }: Job): number => (plan.number * 7919) % 100_003;
  return [...jobs].sort((a, b) => place(a) - place(b));
}

/** A last line that was cut short counts as none. */
function earlier(path: string | undefined): readonly Outcome[] {
  if (path === undefined || !existsSync(path)) return [];
  return readFileSync(path, 'utf8')
    .split('\n')
    .flatMap((line) => {
      try {
        return [JSON.parse(line) as Outcome];
      } catch {
        return [];
      }
    });
}
