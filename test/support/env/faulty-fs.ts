/**
 * Counts the calls of node:fs/promises that one piece of work makes, and has one of them fail or the process die at it.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import promises, { type FileHandle } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';

/**
 * What happens instead of a call; of a write, after half of it. `kill`: the process dies. `freeze`: the work goes no further and
 * does not even tidy up, which leaves on the disk what a kill there leaves, without a process for each.
 */
export type Fault = 'kill' | 'freeze' | 'ENOSPC' | 'EIO' | 'EACCES' | 'EINVAL';

export interface Plan {
  /** A function runs before the call, which is made all the same. */
  readonly fault: Fault | (() => void);
  /** The number of the call, from 0. */
  readonly at: number;
  /** All calls from there on that change something, too: the disk stays full. */
  readonly lasting?: boolean;
}

interface Run {
  readonly calls: Call[];
  readonly plan: Plan | undefined;
  /** Close what is open at the end, whatever happened. */
  readonly closers: (() => Promise<unknown>)[];
  readonly freeze: () => void;
}

export interface Call {
  readonly name: string;
  readonly path: string;
}

type Method = (...args: unknown[]) => Promise<unknown>;

const CALLS = [
  ...['access', 'chmod', 'lstat', 'mkdir', 'open', 'readFile', 'readdir', 'realpath', 'rename', 'rm', 'rmdir'],
  ...['stat', 'writeFile'],
] as const;
const HANDLE_CALLS = ['chmod', 'chown', 'close', 'stat', 'sync', 'writeFile'] as const;
const CHANGING = new Set(['chmod', 'chown', 'mkdir', 'open', 'rename', 'rm', 'rmdir', 'sync', 'writeFile']);
const runs = new AsyncLocalStorage<Run>();
let isInstalled = false;

/** @returns whether a call changes something on the disk */
export const isChange = ({ name }: Call): boolean => CHANGING.has(name);

export interface Ended {
  readonly calls: readonly Call[];
  readonly error: unknown;
  readonly value: unknown;
}

/** @returns the calls that the work made, and what it ended with; frozen work ends with neither value nor error */
export async function withFault(plan: Plan | undefined, work: () => Promise<unknown>): Promise<Ended> {
  install();
  const { promise: frozen, resolve: freeze } = Promise.withResolvers<void>();
  const run: Run = { calls: [], plan, closers: [], freeze };
  const ended = { calls: run.calls, error: undefined, value: undefined };
  return runs.run(run, async () => {
    try {
      return { ...ended, value: await Promise.race([work(), frozen]) };
    } catch (error) {
      return { ...ended, error };
    } finally {
      for (const close of run.closers) await close();
    }
  });
}

function install(): void {
  if (isInstalled) return;
  isInstalled = true;
  const target = promises as unknown as Record<string, Method>;
  for (const name of CALLS) {
    const real = target[name] as Method;
    target[name] = async (...args) => {
      const result = await called(name, String(args[0]), () => real(...args));
      if (name === 'open' && runs.getStore()) wrapHandle(result as FileHandle, String(args[0]));
      return result;
    };
  }
  syncBuiltinESMExports();
}

function wrapHandle(handle: FileHandle, path: string): void {
  const methods = handle as unknown as Record<string, Method>;
  const close = handle.close.bind(handle);
  runs.getStore()?.closers.push(async () => handle.fd === -1 || (await close()));
  for (const name of HANDLE_CALLS) {
    const real = (methods[name] as Method).bind(handle);
    const half = (data: unknown) => () => real((data as Buffer).subarray(0, (data as Buffer).length >> 1));
    methods[name] = (...args) =>
      called(name, path, () => real(...args), name === 'writeFile' ? half(args[0]) : undefined);
  }
}

async function called(name: string, path: string, real: () => Promise<unknown>, partly?: () => Promise<unknown>) {
  const run = runs.getStore();
  if (run === undefined) return real();
  const call = { name, path };
  const n = run.calls.push(call) - 1;
  const { fault, at, lasting = false } = run.plan ?? { fault: 'kill', at: -1 };
  const isHit = n === at || (lasting && at >= 0 && n > at && isChange(call));
  if (!isHit) return real();
  if (typeof fault === 'function') {
    fault();
    return real();
  }
  await partly?.();
  if (fault === 'kill') process.kill(process.pid, 'SIGKILL');
  if (fault !== 'kill' && fault !== 'freeze') {
    throw Object.assign(new Error(`${fault}: injected, ${name}`), { code: fault });
  }
  run.freeze();
  return new Promise(() => undefined);
}
