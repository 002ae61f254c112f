/**
 * The operators of one run: started, and started again when they end, as a Deployment does.
 */
import { join } from 'node:path';
import type { Exit } from '../support/cluster/processes.ts';
import { CLIENTS, type Lane } from './lane.ts';
import { type Build, type Operator, startOperator, textOf } from './operator.ts';
import type { Victims } from './strikes.ts';

/** An end that nobody asked for. */
export interface Death {
  readonly client: string;
  readonly process: number;
  readonly exit: Exit;
  /** Whether the plan killed it. */
  readonly struck: boolean;
}

export interface CrewOptions {
  readonly lane: Lane;
  readonly build: Build;
  readonly replicas: number;
  /** Names the log files. */
  readonly run: string;
  readonly env: Readonly<Record<string, string>>;
}

export class Crew implements Victims {
  readonly #options: CrewOptions;
  readonly #running = new Map<string, Operator>();
  readonly #processes = new Map<string, number>();
  readonly #struck = new Set<Operator>();
  readonly #tasks: Promise<void>[] = [];
  readonly #logs: string[] = [];
  readonly deaths: Death[] = [];
  #over = false;

  constructor(options: CrewOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    for (const client of CLIENTS.slice(0, this.#options.replicas)) await this.#start(client);
  }

  processOf(client: string): number {
    return this.#processes.get(client) ?? 0;
  }

  signal(client: string, signal: NodeJS.Signals): void {
    const operator = this.#running.get(client);
    if (operator === undefined) return;
    if (signal === 'SIGKILL' || signal === 'SIGTERM') this.#struck.add(operator);
    operator.signal(signal);
  }

  /** All processes that were ever started. */
  get started(): number {
    return this.#logs.length;
  }

  logs(): readonly { readonly name: string; readonly text: string }[] {
    return this.#logs.map((path) => ({ name: path.slice(path.lastIndexOf('/') + 1), text: textOf(path) }));
  }

  async metrics(): Promise<string> {
    return (await Promise.all([...this.#running.values()].map((operator) => operator.metrics()))).join('\n');
  }

  /** SIGTERM to all. */
  async stop(): Promise<void> {
    this.#over = true;
    await Promise.all([...this.#running.values()].map((operator) => operator.stop(8_000)));
    await Promise.all(this.#tasks);
  }

  async #start(client: string): Promise<void> {
    const { lane, build, run, env } = this.#options;
    const process = this.processOf(client) + 1;
    this.#processes.set(client, process);
    const logFile = join(lane.dir, `${run}-${client}${process}.log`);
    const kubeconfig = lane.kubeconfigs.get(client) ?? '';
    this.#logs.push(logFile);
    const operator = await startOperator({ build, kubeconfig, namespace: lane.namespace, logFile, env });
    this.#running.set(client, operator);
    this.#tasks.push(operator.exited.then((exit) => this.#ended(client, process, operator, exit)));
  }

  async #ended(client: string, process: number, operator: Operator, exit: Exit): Promise<void> {
    if (this.#over) return;
    const struck = this.#struck.has(operator);
    this.deaths.push({ client, process, exit, struck });
    const { lane, replicas } = this.#options;
    // Nobody else waits for it: the fifteen seconds until a dead leader's lease is over are tried by plans with a standby.
    if (struck && replicas === 1) {
      const lease = { kind: 'Lease', namespace: lane.namespace, name: 'rekey' };
      await lane.api.delete(lease).catch(() => undefined);
    }
    if (!this.#over) await this.#start(client);
  }
}
