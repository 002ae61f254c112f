/**
 * Restarts one service by its reload command. Only one run of rekey restarts a service at a time.
 */
import { allKeys, type EnvironmentFiles } from '../../env/environment.ts';
import { EnvError } from '../../env/error.ts';
import { BusyError } from '../../env/files/lock.ts';
import { keyHider } from '../../env/hide-keys.ts';
import { keyVariables, reload } from '../../env/reload.ts';
import { RESTART_PATIENCE_MS, type Session } from '../../env/session.ts';
import { formatDuration } from '../../rotation/schedule/duration.ts';
import type { Terminal } from '../terminal.ts';

export interface ReloadTools {
  readonly terminal: Terminal;
  readonly session: Session;
}

/** Why a service was not restarted: another run was at it all the time. */
export const STILL_BUSY = `another run restarts it for longer than ${formatDuration(RESTART_PATIENCE_MS)}`;

/**
 * Restarts each service while no other run restarts it: first those that no other run restarts, then it waits for the
 * others, and says for whom.
 *
 * @param restart called once for each, with whether another run has restarted it meanwhile
 * @returns the services that another run still restarts: nothing was done about them
 */
export async function eachAlone(
  { terminal, session }: ReloadTools,
  services: readonly string[],
  restart: (service: string, waited: boolean) => Promise<void>,
): Promise<readonly string[]> {
  const pass = async (names: readonly string[], waits: boolean) => {
    const busy: BusyService[] = [];
    for (const service of names) {
      const error = await alone(session, service, waits, () => restart(service, waits));
      if (error !== undefined) busy.push({ service, who: error.who });
    }
    return busy;
  };
  const busy = await pass(services, false);
  for (const { service, who } of busy)
    terminal.printErr(`${service}: another run of rekey restarts it (${who}); waiting for its end\n`);
  const left = await pass(
    busy.map(({ service }) => service),
    true,
  );
  return left.map(({ service }) => service);
}

interface BusyService {
  readonly service: string;
  readonly who: string;
}

/** @returns why it was not run */
async function alone(
  session: Session,
  service: string,
  waits: boolean,
  run: () => Promise<void>,
): Promise<BusyError | undefined> {
  let began = false;
  const noted = () => {
    began = true;
    return run();
  };
  try {
    await session.restarting(service, waits, noted);
    return undefined;
  } catch (error) {
    // the run may meet another lock
    if (began || !(error instanceof BusyError)) throw error;
    return error;
  }
}

/** @returns the reload command of a service; undefined if it has none */
export function commandOf({ files, name }: EnvironmentFiles, service: string): string | undefined {
  return files.find((file) => file.service.name === service)?.service.reload[name];
}

/**
 * Runs the reload command of a service, if it has one, and prints what it says, and why it failed if it did.
 *
 * @returns whether it did not fail
 */
export async function runReload(
  { terminal, session }: ReloadTools,
  environment: EnvironmentFiles,
  service: string,
): Promise<boolean> {
  const { config, name } = environment;
  const command = commandOf(environment, service);
  if (command === undefined) return true;
  terminal.print(`  ${service}: ${command}\n`);
  const call = { service, environment: name, command, folder: config.root, withheld: keyVariables(config) };
  const hide = keyHider([...allKeys(environment), ...session.gone]);
  try {
    await reload(call, (line) => terminal.printErr(`    ${hide(line)}\n`));
    return true;
  } catch (error) {
    if (!(error instanceof EnvError)) throw error;
    terminal.printErr(`${hide(error.message)}\n`);
    return false;
  }
}
