import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { COMPILED } from '../node/images.ts';

/** How one kind of example service is started. */
export interface ServiceCommand {
  readonly command: readonly [string, ...string[]];
  readonly cwd: string;
  /** What every process of it needs. */
  readonly env?: Readonly<Record<string, string>>;
}

/** A running example service; `await using` ends it with the scope. */
export interface ServiceProcess extends AsyncDisposable {
  readonly url: string;
  /** Sends SIGTERM once and waits for the end. @returns the exit code; null after a signal */
  stop(): Promise<number | null>;
  /** Sends SIGKILL and waits for the end. */
  kill(): Promise<void>;
  /** What it has printed so far, both streams. */
  output(): string;
}

/** The directory of the example services. */
export const SERVICES_DIR = fileURLToPath(new URL('../../../examples/services/', import.meta.url));

/** The services that run from source. Go needs a build first. */
export const SERVICES = {
  node: { command: [process.execPath, 'server.ts'], cwd: `${SERVICES_DIR}node`, env: COMPILED },
  python: { command: ['python3', 'server.py'], cwd: `${SERVICES_DIR}python` },
} as const satisfies Record<string, ServiceCommand>;

/** Thrown when a service ends before it serves. */
export class ServiceStartError extends Error {
  override readonly name = 'ServiceStartError';
  readonly exitCode: number | null;
  readonly output: string;

  constructor(exitCode: number | null, output: string) {
    super(`the service ended before it served, exit code ${exitCode}: ${output}`);
    this.exitCode = exitCode;
    this.output = output;
  }
}

/**
 * Starts a service on a loopback address of its own and waits until it listens.
 *
 * @param env settings and keys; nothing of this process' environment but PATH and HOME reaches the service
 * @throws ServiceStartError when it ends instead of listening
 */
export async function startService(
  service: ServiceCommand,
  env: Readonly<Record<string, string>>,
): Promise<ServiceProcess> {
  const [program, ...args] = service.command;
  const child = spawn(program, args, {
    cwd: service.cwd,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, POD_IP: nextAddress(), PORT: '0', ...service.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  leaveNoOrphan(child);
  let output = '';
  child.stderr.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  const ended = once(child, 'close').then(() => child.exitCode);
  const url = await new Promise<string>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      output += `${line}\n`;
      const listening = /"event": ?"listening".*"url": ?"([^"]+)"/.exec(line)?.[1];
      if (listening !== undefined) resolve(listening);
    });
    child.once('error', reject);
    ended.then((code) => reject(new ServiceStartError(code, output)), reject);
  });
  const stop = (signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> => {
    if (running(child)) child.kill(signal);
    return ended;
  };
  return {
    url,
    stop: () => stop('SIGTERM'),
    kill: async () => void (await stop('SIGKILL')),
    output: () => output,
    [Symbol.asyncDispose]: async () => void (await stop('SIGKILL')),
  };
}

const children = new Set<ChildProcess>();

/** A test run that ends half-way, by a time-out or an error, still takes its services along. */
function leaveNoOrphan(child: ChildProcess): void {
  if (children.size === 0) process.once('exit', killAll);
  children.add(child);
  child.once('close', () => {
    children.delete(child);
    if (children.size === 0) process.off('exit', killAll);
  });
}

function killAll(): void {
  for (const child of children) child.kill('SIGKILL');
}

function running(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null;
}

let addresses = 0;

/** Each service has its own address, as pods have; with the process id in it, tests that run side by side differ. */
function nextAddress(): string {
  addresses++;
  return `127.${64 + (process.pid % 128)}.${(addresses >> 8) & 255}.${1 + (addresses % 254)}`;
}
