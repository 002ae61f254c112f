import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { guardGroup, releaseGroup, signalGroup } from './watchdog.ts';

/** What to run: program first, then its arguments. */
export type Command = readonly [string, ...string[]];

/** How a process ended: exactly one of the two is not null. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A local process that is the leader of its own process group. */
export interface ManagedProcess {
  readonly name: string;
  readonly pid: number;
  readonly logPath: string;
  /** Resolves when the process has ended; never rejects. */
  readonly exited: Promise<Exit>;
  /** undefined while it runs. */
  exit(): Exit | undefined;
  /** Sends a signal to the whole group; a group that is gone is no error. */
  signal(signal: NodeJS.Signals): void;
  /** SIGTERM, then SIGKILL after `graceMs`; resolves when the process has ended and its group is empty. */
  stop(graceMs?: number): Promise<void>;
}

/** Options of `startProcess`. */
export interface StartOptions {
  readonly name: string;
  readonly command: Command;
  /** Standard output and error are appended to this file. */
  readonly logPath: string;
  readonly cwd?: string;
  /** The whole environment; by default that of this process. */
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * Starts a program as the leader of a new process group that does not outlive
 * this Node.js process.
 * @throws Error when the program cannot be started (missing, not executable)
 */
export async function startProcess(options: StartOptions): Promise<ManagedProcess> {
  const [program, ...args] = options.command;
  const log = openSync(options.logPath, 'a', 0o600);
  let child: ChildProcess;
  try {
    child = spawn(program, args, {
      detached: true,
      stdio: ['ignore', log, log],
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      ...(options.env === undefined ? {} : { env: options.env }),
    });
  } finally {
    closeSync(log);
  }
  const pid = child.pid;
  if (pid === undefined) {
    const [error] = (await once(child, 'error')) as [Error];
    throw new Error(`${options.name}: cannot run ${program}: ${error.message}`);
  }
  guardGroup(pid);

  let exit: Exit | undefined;
  const exited = new Promise<Exit>((resolve) => {
    child.once('exit', (code, signal) => {
      exit = { code, signal };
      // What the leader left behind in its group goes with it, as in a container.
      signalGroup(pid, 'SIGKILL');
      releaseGroup(pid);
      resolve(exit);
    });
  });
  const send = (signal: NodeJS.Signals): void => {
    if (exit === undefined) signalGroup(pid, signal);
  };
  return {
    name: options.name,
    pid,
    logPath: options.logPath,
    exited,
    exit: () => exit,
    signal: send,
    stop: async (graceMs = 5_000) => {
      send('SIGTERM');
      await Promise.race([exited, sleep(graceMs, undefined, { ref: false })]);
      send('SIGKILL');
      await exited;
    },
  };
}

/** The last lines of a log file, for error messages; empty when there is none. */
export function tail(path: string, lines = 8): string {
  try {
    return readFileSync(path, 'utf8').trimEnd().split('\n').slice(-lines).join('\n');
  } catch {
    return '';
  }
}
