/**
 * Operators as processes: started, struck, started again.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from '../support/cluster/processes.ts';
import { type Exit, startProcess } from '../support/cluster/processes.ts';
import { NODE_LAG } from '../support/scenario/operator.ts';

export const repoRoot = join(import.meta.dirname, '..', '..');

/** Which operator is tried: the bundle that ships, or the sources, which a mutant can be made of. */
export interface Build {
  readonly entry: string;
  /** Modules that are loaded before it, such as one that makes a mutant of it. */
  readonly preload: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

export interface OperatorStart {
  readonly build: Build;
  readonly kubeconfig: string;
  readonly namespace: string;
  readonly logFile: string;
  readonly env: Readonly<Record<string, string>>;
}

export interface Operator {
  readonly pid: number;
  readonly logFile: string;
  readonly exited: Promise<Exit>;
  exit(): Exit | undefined;
  signal(signal: NodeJS.Signals): void;
  stop(graceMs: number): Promise<Exit>;
  /** The text of /metrics; empty if it cannot be had. */
  metrics(): Promise<string>;
}

export async function startOperator({ build, kubeconfig, namespace, logFile, env }: OperatorStart): Promise<Operator> {
  const command: Command = [
    process.execPath,
    ...build.preload.flatMap((module) => ['--import', module]),
    build.entry,
    ...['--kubeconfig', kubeconfig, '--namespace', namespace, '--leader-election-namespace', namespace],
    ...['--listen', '127.0.0.1:0', '--log-level', 'info', '--allow-loopback-pods', '--settle-delay', NODE_LAG],
  ];
  const inherited = Object.entries(process.env).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, value]],
  );
  const started = await startProcess({
    name: 'operator',
    command,
    logPath: logFile,
    cwd: repoRoot,
    env: { ...Object.fromEntries(inherited), ...build.env, ...env },
  });
  return {
    pid: started.pid,
    logFile,
    exited: started.exited,
    exit: () => started.exit(),
    signal: (signal) => started.signal(signal),
    stop: async (graceMs) => {
      // A process that stands still does not hear SIGTERM.
      started.signal('SIGCONT');
      await started.stop(graceMs);
      return started.exited;
    },
    metrics: async () => {
      const port = /"message":"started".*?"port":(\d+)|"port":(\d+).*?"message":"started"/.exec(textOf(logFile));
      if (port === null) return '';
      try {
        const limit = AbortSignal.timeout(2_000);
        return await (await fetch(`http://127.0.0.1:${port[1] ?? port[2]}/metrics`, { signal: limit })).text();
      } catch {
        return '';
      }
    },
  };
}

export function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
