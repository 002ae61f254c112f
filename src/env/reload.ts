/**
 * Runs the reload command of a service, as its owner has written it into rekey.yaml.
 */
import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { formatDuration } from '../rotation/schedule/duration.ts';
import { systemClock } from '../runtime/clock.ts';
import type { EnvConfig } from './env-config.ts';
import { EnvError } from './error.ts';
import { KEY_ID } from './layout.ts';

/** A restart that takes longer hangs. */
export const RELOAD_TIMEOUT_MS = 10 * 60_000;
/** A longer line is taken in pieces. */
const MAX_LINE = 64 * 1024;
/** Of output that comes after the end of the shell. */
const OUTPUT_MS = 1_000;
const LEFT = 'a process that it has started still writes here; redirect its output, such as >> main.log 2>&1';

export interface ReloadCommand {
  readonly service: string;
  readonly environment: string;
  /** For `sh -c`. */
  readonly command: string;
  /** Absolute: the folder of rekey.yaml. */
  readonly folder: string;
  /** Variables that it does not get: a service would take a key from there before the one in its file. */
  readonly withheld: readonly string[];
}

/** @returns the variables in which services look for keys */
export function keyVariables({ services, fallbacksName }: EnvConfig): readonly string[] {
  return [...services.flatMap(({ names }) => names), fallbacksName, KEY_ID];
}

/**
 * @param onLine gets each line that the command prints
 * @throws EnvError unless it ends with exit status 0
 */
export async function reload(
  { service, environment, command, folder, withheld }: ReloadCommand,
  onLine: (line: string) => void,
): Promise<void> {
  const kept = Object.entries(process.env).filter(([name]) => !withheld.includes(name));
  const child = spawn('sh', ['-c', command], {
    cwd: folder,
    env: { ...Object.fromEntries(kept), REKEY_SERVICE: service, REKEY_ENVIRONMENT: environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    ...{ timeout: RELOAD_TIMEOUT_MS, killSignal: 'SIGKILL' },
  });
  const ended = Promise.withResolvers<{ readonly code: number | null; readonly signal: string | null }>();
  const closed = new Promise<true>((done) => void child.on('close', () => done(true)));
  child.on('error', ended.reject);
  child.on('exit', (code, signal) => ended.resolve({ code, signal }));
  for (const stream of [child.stdout, child.stderr]) readLines(stream, onLine);
  const { code, signal } = await ended.promise.catch((error: Error) => {
    throw new EnvError(`${service}: sh cannot be run: ${error.message}`);
  });
  // what it leaves in the background, such as the service, may keep its output open for ever
  if (!(await Promise.race([closed, systemClock.sleep(OUTPUT_MS)]))) {
    for (const stream of [child.stdout, child.stderr] as readonly (Readable & { unref?(): void })[]) stream.unref?.();
    onLine(LEFT);
  }
  if (code === 0) return;
  const late =
    signal === 'SIGKILL' && child.killed
      ? ` after ${formatDuration(RELOAD_TIMEOUT_MS)}, and what it has started may still run`
      : '';
  const how = code === null ? `was ended by ${signal}${late}` : `ended with exit status ${code}`;
  throw new EnvError(`${service}: its reload command ${how}: ${command}`);
}

/** Calls for each line, whatever ends it. A line without an end takes no more memory than {@link MAX_LINE} characters. */
function readLines(stream: Readable, onLine: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (text: string) => {
    const lines = (rest + text).split(/\r\n|\n|\r/);
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
    if (rest.length <= MAX_LINE) return;
    onLine(rest);
    rest = '';
  });
  stream.on('end', () => {
    if (rest !== '') onLine(rest);
  });
}
