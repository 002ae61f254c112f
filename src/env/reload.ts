/**
 * Runs the reload command of a service, as its owner has written it into rekey.yaml.
 */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { EnvError } from './error.ts';

/** A restart that takes longer hangs. */
const TIMEOUT_MS = 10 * 60_000;

export interface ReloadCommand {
  readonly service: string;
  readonly environment: string;
  /** For `sh -c`. */
  readonly command: string;
  /** Absolute: the folder of rekey.yaml. */
  readonly folder: string;
}

/**
 * @param onLine gets each line that the command prints
 * @throws EnvError unless it ends with exit status 0
 */
export async function reload(
  { service, environment, command, folder }: ReloadCommand,
  onLine: (line: string) => void,
): Promise<void> {
  const child = spawn('sh', ['-c', command], {
    cwd: folder,
    env: { ...process.env, REKEY_SERVICE: service, REKEY_ENVIRONMENT: environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: TIMEOUT_MS,
  });
  const ended = Promise.withResolvers<{ readonly code: number | null; readonly signal: string | null }>();
  child.on('error', ended.reject);
  child.on('close', (code, signal) => ended.resolve({ code, signal }));
  for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', onLine);
  const { code, signal } = await ended.promise.catch((error: Error) => {
    throw new EnvError(`${service}: sh cannot be run: ${error.message}`);
  });
  if (code === 0) return;
  const how = code === null ? `was ended by ${signal}` : `ended with exit status ${code}`;
  throw new EnvError(`${service}: its reload command ${how}: ${command}`);
}
