/**
 * Hands plans out to workers and keeps the account.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildService, bundleOperator, copySources, mutantOperator } from './cluster.ts';
import { WORKLOADS } from './learn.ts';
import type { NumberedPlan } from './plan.ts';
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
        const setup = { dir: join(dir, `worker-${i}`), traces: options.traces, service, build, lanes: options.lanes };
        return worker.ask({ kind: 'start', setup }, 'ready');
      }),
    );
    return await use(workers, sources);
  } finally {
    await Promise.all(workers.map((worker) => worker.stop()));
    rmSync(dir, { recursive: true, force: true });
  }
}

/** Writes the reference anew. */
export function learnReference(options: CampaignOptions): Promise<void> {
  return withWorkers({ ...options, workers: 1, lanes: WORKLOADS.length }, async ([worker]) => {
    await worker?.ask({ kind: 'learn' }, 'learned');
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
  const next = (from: Job[]): Job | undefined => (Date.now() < endsAt ? from.shift() : undefined);
  await withWorkers(options, async (workers, sources) => {
    const lanes = workers.flatMap((worker) => Array.from({ length: options.lanes }, (_, lane) => ({ worker, lane })));
    await Promise.all(
      lanes.map(async ({ worker, lane }) => {
        for (let job = next(shared); job !== undefined; job = next(shared)) keep(await worker.run(lane, job, sources));
      }),
    );
    await Promise.all(
      workers.map(async (worker) => {
        for (let job = next(alone); job !== undefined; job = next(alone)) keep(await worker.run(0, job, sources));
      }),
    );
  });
  return outcomes;
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
