import { statSync } from 'node:fs';
import { join } from 'node:path';
import { GrowingFile } from '../cluster/growing-file.ts';
import { freePorts } from '../cluster/ports.ts';
import { type Exit, startProcess, tail } from '../cluster/processes.ts';
import { signalGroup } from '../cluster/watchdog.ts';
import { COMPILED } from '../node/images.ts';
import { type Patience, until } from './until.ts';

/** One line of the operator's log. Which further fields it has depends on the message. */
export interface LogLine {
  readonly time: string;
  readonly level: 'error' | 'warn' | 'info' | 'debug';
  readonly message: string;
  readonly namespace?: string;
  readonly name?: string;
  /** What the operator decided to do, such as `write promote` or `bump`. */
  readonly action?: string;
  /** Which write was made, such as `stage`. */
  readonly transition?: string;
  readonly version?: number;
  readonly phase?: string;
  readonly [field: string]: unknown;
}

/** The operator as a process of its own, as users run it. */
export interface OperatorProcess {
  readonly pid: number;
  /** Standard output and error, complete: for {@link lines} and to be searched for key bytes. */
  readonly logFile: string;
  /** Base of the probes and the metrics, such as `http://127.0.0.1:40123`. */
  readonly url: string;
  readonly metricsUrl: string;
  /** Resolves when the process has ended, however; never rejects. */
  readonly exited: Promise<Exit>;
  /** What it has logged so far. Lines that are no JSON, such as a crash on standard error, are left out. */
  lines(): readonly LogLine[];
  /** The first line that fits, also one logged before the call. @throws Error on a time-out or when the process ends first */
  waitForLine(fits: (line: LogLine) => boolean, patience?: Patience): Promise<LogLine>;
  /** Waits until /readyz says yes. @throws Error on a time-out or when the process ends first */
  waitUntilReady(patience?: Patience): Promise<void>;
  /** The text of /metrics. */
  metrics(): Promise<string>;
  /** Sends a signal and returns at once; SIGKILL is a crash. */
  kill(signal: NodeJS.Signals): void;
  /** Stops the process where it stands, as a machine that hangs: its lease runs out while it believes to hold it. */
  pause(): void;
  resume(): void;
  /** SIGTERM, SIGKILL after ten seconds. @returns how it ended */
  stop(): Promise<Exit>;
}

/** Options of `startOperator`. */
export interface OperatorOptions {
  /** The bundle, see ../cluster/programs.ts; the sources if absent. */
  readonly program?: string | undefined;
  /** Of the ServiceAccount rekey, so that its rights are tried as well: see install.ts. */
  readonly kubeconfig: string;
  /** Namespaces to work in; all of them by default. */
  readonly namespaces?: readonly string[];
  /** Where the lease of the leader is; one per test, or operators of other tests keep it. */
  readonly leaseNamespace: string;
  /** Appended to, so that an operator that is started again adds to it. */
  readonly logFile: string;
  /** Added to this process' environment. */
  readonly env?: Readonly<Record<string, string>>;
  /** How long a write is given to reach every node. Default {@link NODE_LAG}; undefined is the operator's own default. */
  readonly settleDelay?: string | undefined;
  /** Further command line arguments. */
  readonly flags?: readonly string[];
  /** Options of Node, before the program. */
  readonly nodeFlags?: readonly string[];
}

/**
 * A process node reads a Secret when it starts a container, and has it then: it lags behind only where a test says so, and by as much
 * as that says. So the least that the operator takes is enough.
 */
export const NODE_LAG = '1s';

const repoRoot = join(import.meta.dirname, '..', '..', '..');

/**
 * Starts the operator. It dies with this process, however that ends.
 *
 * Does not wait: see `waitUntilReady`.
 */
export async function startOperator(options: OperatorOptions): Promise<OperatorProcess> {
  const [port = 0] = await freePorts(1);
  const url = `http://127.0.0.1:${port}`;
  const { logFile, kubeconfig, leaseNamespace, namespaces = [], flags = [], nodeFlags = [] } = options;
  const { settleDelay } = 'settleDelay' in options ? options : { settleDelay: NODE_LAG };
  const { program = join(repoRoot, 'src', 'main.ts') } = options;
  const log = new GrowingFile(logFile, sizeOf(logFile));
  const process_ = await startProcess({
    name: 'operator',
    command: [
      process.execPath,
      ...nodeFlags,
      program,
      ...['--kubeconfig', kubeconfig, '--leader-election-namespace', leaseNamespace],
      ...namespaces.flatMap((namespace) => ['--namespace', namespace]),
      ...['--listen', `127.0.0.1:${port}`, '--log-level', 'info', '--allow-loopback-pods'],
      ...(settleDelay === undefined ? [] : ['--settle-delay', settleDelay]),
      ...flags,
    ],
    logPath: logFile,
    cwd: repoRoot,
    env: { ...inherited(), ...COMPILED, ...options.env },
  });
  // whoever waits for what it does would not hear of its end
  void process_.exited.then(({ code }) => {
    if (code) process.stderr.write(`the operator in ${leaseNamespace} ended with ${code}:\n${tail(logFile)}\n`);
  });
  const seen: LogLine[] = [];
  const lines = (): readonly LogLine[] => {
    seen.push(...log.newLines().flatMap(parsed));
    return [...seen];
  };
  const whileAlive = <T>(what: string, look: () => Promise<T | undefined | false>, patience?: Patience): Promise<T> =>
    until(
      what,
      async () => {
        const found = await look();
        if (!found && process_.exit() !== undefined)
          throw new Error(`the operator ended (${JSON.stringify(process_.exit())}) before ${what}:\n${tail(logFile)}`);
        return found;
      },
      { everyMs: 50, ...patience },
      () => `its last words: ${tail(logFile, 2)}`,
    );
  return {
    pid: process_.pid,
    logFile,
    url,
    metricsUrl: `${url}/metrics`,
    exited: process_.exited,
    lines,
    waitForLine: (fits, patience) => whileAlive('the operator logs it', async () => lines().find(fits), patience),
    waitUntilReady: async (patience) => {
      await whileAlive('the operator is ready', () => answersOk(`${url}/readyz`), patience);
    },
    metrics: async () => (await fetch(`${url}/metrics`)).text(),
    kill: (signal) => process_.signal(signal),
    pause: () => process_.signal('SIGSTOP'),
    resume: () => process_.signal('SIGCONT'),
    stop: async () => {
      // A process that is stopped does not hear SIGTERM.
      if (process_.exit() === undefined) signalGroup(process_.pid, 'SIGCONT');
      await process_.stop(10_000);
      return process_.exited;
    },
  };
}

function inherited(): Record<string, string> {
  return Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  );
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

/** @returns nothing for a line that is no JSON */
function parsed(line: string): readonly LogLine[] {
  if (!line.startsWith('{')) return [];
  try {
    return [JSON.parse(line) as LogLine];
  } catch {
    return [];
  }
}

async function answersOk(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok;
  } catch {
    return false;
  }
}
