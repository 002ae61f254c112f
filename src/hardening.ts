/**
 * Closes ways by which somebody on the node could read keys from this process: Node's inspector, heap snapshots,
 * diagnostic reports. It logs what a process cannot close by itself.
 */
import { readFileSync } from 'node:fs';
import { url } from 'node:inspector';
import { type Flags, UsageError } from './flags.ts';
import type { Logger } from './runtime/log.ts';

/** Options of Node that admit a debugger, or write the memory to a file. */
const DOORS = /^--(inspect|heapsnapshot|heap-prof|report-|abort-on-uncaught-exception|debug)/;

/**
 * Call it before anything can read a key.
 *
 * @throws {UsageError} if Node was started with such an option and without `--allow-debugging`
 */
export function harden({ allowDebugging }: Pick<Flags, 'allowDebugging'>, log: Logger): void {
  const doors = openDoors(process.execArgv, process.env.NODE_OPTIONS ?? '', url());
  if (doors.length > 0) {
    if (!allowDebugging) throw new UsageError(refusal(doors));
    log.warn('--allow-debugging is set: others on the node can read keys from this process', { doors });
    return;
  }
  // Node opens its inspector at SIGUSR1, unless there is a listener (or it was started with --disable-sigusr1).
  process.on('SIGUSR1', () => log.warn('SIGUSR1 was ignored: it does not open a debugger here'));
  const { report } = process;
  report.reportOnSignal = false;
  report.reportOnFatalError = false;
  report.reportOnUncaughtException = false;
  report.excludeEnv = true;
  const limit = coreLimit(limitsOfProcess());
  if (limit !== undefined && limit !== '0') {
    log.warn(`a crash may write the memory to a file: the limit for core dumps is ${limit}; set it to 0 on the node`);
  }
}

/**
 * @param execArgv options of Node on the command line
 * @param nodeOptions the environment variable NODE_OPTIONS
 * @param inspectorUrl where the inspector listens, if it does
 * @returns the options that are set
 */
export function openDoors(
  execArgv: readonly string[],
  nodeOptions: string,
  inspectorUrl: string | undefined,
): readonly string[] {
  const options = [...execArgv, ...nodeOptions.split(/\s+/)].map((option) => option.replaceAll(/["']/g, ''));
  // Node accepts --inspect_brk for --inspect-brk
  const named = options.map((option) => option.replace(/=.*/s, '').replaceAll('_', '-'));
  const open = named.filter((option) => DOORS.test(option));
  return inspectorUrl !== undefined && open.length === 0 ? ['inspector'] : open;
}

/**
 * @param limits the text of /proc/self/limits
 * @returns the soft limit of core dumps in bytes, or `unlimited`; undefined if unknown
 */
export function coreLimit(limits: string): string | undefined {
  return /^Max core file size +(\S+)/m.exec(limits)?.[1];
}

function refusal(doors: readonly string[]): string {
  return `Node's ${doors.join(', ')} would let others read keys from this process: remove it, also from NODE_OPTIONS; for development, set --allow-debugging`;
}

/** Empty if there is no such file, as on macOS. */
function limitsOfProcess(): string {
  try {
    return readFileSync('/proc/self/limits', 'utf8');
  } catch {
    return '';
  }
}
