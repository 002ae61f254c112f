/**
 * Restarts one service by its reload command. Only one run of rekey restarts a service at a time.
 */
import { allKeys, type EnvironmentFiles, readEnvironment } from '../../env/environment.ts';
import { EnvError } from '../../env/error.ts';
import { BusyError } from '../../env/files/lock.ts';
import { keyHider, outputHider } from '../../env/hide-keys.ts';
import { keyVariables, RELOAD_TIMEOUT_MS, reload } from '../../env/reload.ts';
import { RESTART_PATIENCE_MS, type Session } from '../../env/session.ts';
import { formatDuration } from '../../rotation/schedule/duration.ts';
import type { KeyMaterial } from '../../rotation/secret/keys.ts';
import type { Terminal } from '../terminal.ts';

/** Characters of the output of a command that are kept. */
const MAX_OUTPUT = 64 * 1024;
/** A command that takes longer is told of. */
const SLOW_MS = 30_000;

export interface ReloadTools {
  readonly terminal: Terminal;
  readonly session: Session;
}

/** Why a service was not restarted: another run was at it all the time. */
const STILL_BUSY = `another run restarts it for longer than ${formatDuration(RESTART_PATIENCE_MS)}`;

/** A service that was not restarted. */
export interface NotRestarted {
  readonly service: string;
  readonly why: string;
}

/**
 * Restarts each service while no other run restarts it, whatever becomes of the others: first those that no other run restarts,
 * then it waits for the others, and says for whom. What `restart` throws is thrown after all of them.
 *
 * @param restart called once for each, with whether another run has restarted it meanwhile
 * @param isUrgent all at the same time, and without a lock that cannot be taken, unless another run has it
 * @returns the services about which nothing was done
 */
export async function eachAlone(
  { terminal, session }: ReloadTools,
  services: readonly string[],
  restart: (service: string, waited: boolean) => Promise<void>,
  isUrgent = false,
): Promise<readonly NotRestarted[]> {
  const troubles: unknown[] = [];
  const attempt = async (service: string, waits: boolean): Promise<Refused | undefined> => {
    const refused = await alone(session, service, waits, () => restart(service, waits)).catch(noted);
    if (refused === undefined || refused instanceof BusyError || !isUrgent) return refused && { service, refused };
    const what = `${service}: restarted without its lock, so another run may restart it at the same time`;
    terminal.printErr(`${refused.message}\n${what}\n`);
    await restart(service, waits).catch(noted);
    return undefined;
  };
  const noted = (error: unknown) => void troubles.push(error);
  const wait = async ({ service, refused }: Refused): Promise<NotRestarted | undefined> => {
    if (!(refused instanceof BusyError)) return { service, why: refused.message };
    terminal.printErr(`${service}: another run of rekey restarts it (${refused.who}); waiting for its end\n`);
    const still = (await attempt(service, true))?.refused;
    return still && { service, why: still instanceof BusyError ? STILL_BUSY : still.message };
  };
  const left = await (isUrgent ? atOnce(services, attempt, wait) : inTurn(services, attempt, wait));
  if (troubles.length > 0) throw troubles[0];
  return left.filter((each) => each !== undefined);
}

interface Refused {
  readonly service: string;
  /** Why the lock was not taken. */
  readonly refused: Error;
}

type Attempt = (service: string, waits: boolean) => Promise<Refused | undefined>;
type Wait = (refused: Refused) => Promise<NotRestarted | undefined>;

/** One command that hangs holds up no other. */
function atOnce(services: readonly string[], attempt: Attempt, wait: Wait) {
  return Promise.all(
    services.map(async (service) => {
      const refused = await attempt(service, false);
      return refused && wait(refused);
    }),
  );
}

async function inTurn(services: readonly string[], attempt: Attempt, wait: Wait) {
  const refused: Refused[] = [];
  for (const service of services) {
    const each = await attempt(service, false);
    if (each !== undefined) refused.push(each);
  }
  const left: (NotRestarted | undefined)[] = [];
  for (const each of refused) left.push(await wait(each));
  return left;
}

/** @returns why it was not run */
async function alone(
  session: Session,
  service: string,
  waits: boolean,
  run: () => Promise<void>,
): Promise<Error | undefined> {
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
    if (began || !(error instanceof Error)) throw error;
    return error;
  }
}

/** @returns the reload command of a service; undefined if it has none */
export function commandOf({ files, name }: EnvironmentFiles, service: string): string | undefined {
  return files.find((file) => file.service.name === service)?.service.reload[name];
}

/**
 * Runs the reload command of a service, if it has one. When it has ended, prints what it has said, without keys, and why it failed if
 * it did.
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
  const call = { service, environment: name, command, folder: config.root, withheld: keyVariables(config) };
  const keys = [...allKeys(environment), ...session.gone];
  const hide = keyHider(keys);
  terminal.print(`  ${service}: ${hide(command)}\n`);
  const output = new Output();
  const still = `${service}: its reload command still runs; rekey waits for its end, ${formatDuration(RELOAD_TIMEOUT_MS)} at most\n`;
  const slow = setTimeout(() => terminal.printErr(still), SLOW_MS);
  try {
    await reload(call, (line) => output.add(line));
    return true;
  } catch (error) {
    if (!(error instanceof EnvError)) throw error;
    output.end = `${hide(error.message)}\n`;
    return false;
  } finally {
    clearTimeout(slow);
    terminal.printErr(output.text(service, await hiderOf(environment, keys)));
  }
}

/** A colleague may have written other keys while the command ran. If the files cannot be read, nothing is shown. */
async function hiderOf({ config, name, leftOut }: EnvironmentFiles, keys: readonly KeyMaterial[]): Promise<Hider> {
  const now = await readEnvironment(config, name, leftOut, true).catch(() => undefined);
  return now === undefined ? () => undefined : outputHider([...keys, ...allKeys(now)]);
}

type Hider = ReturnType<typeof outputHider>;

/** What one command has printed. It is shown when the command has ended, since a key may be cut by the end of a line. */
class Output {
  readonly #lines: string[] = [];
  #length = 0;
  #isCut = false;
  /** What is said after it. */
  end = '';

  add(line: string): void {
    this.#isCut ||= this.#length + line.length > MAX_OUTPUT;
    if (this.#isCut) return;
    this.#length += line.length + 1;
    this.#lines.push(line);
  }

  text(service: string, hidden: Hider): string {
    const shown = hidden(this.#lines) ?? [
      'what it has printed is not shown, since there may be a piece of a key in it',
    ];
    const all = this.#isCut ? [...shown, 'more of what it has printed is not shown'] : shown;
    return all.map((line) => `    ${service}: ${line}\n`).join('') + this.end;
  }
}
