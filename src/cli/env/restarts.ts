/**
 * The restarts that a step waits for: by the command of a service where it has one, else by a person. A command runs, and
 * a person is asked, without the lock: a colleague may have an emergency meanwhile.
 */
import { allKeys, type EnvironmentFiles } from '../../env/environment.ts';
import { EnvError } from '../../env/error.ts';
import { keyHider } from '../../env/hide-keys.ts';
import { keyVariables, reload } from '../../env/reload.ts';
import type { Session, View } from '../../env/session.ts';
import type { ServiceFacts } from '../../env/step.ts';
import { CommandError, EXIT, type Exit, type Terminal } from '../terminal.ts';

/** What one look has come to: more to do, now or later or without the lock, or the command ends. */
export type Next =
  | { readonly again: true; readonly afterMs?: number }
  | { readonly again: false; readonly exit: Exit }
  | { readonly act: () => Promise<Next> };

/** What a person has said with --reloaded. */
export interface Said {
  /** The version of the keys that the person was told of: services were restarted after it was written. */
  readonly version: number;
  /** `all`: those that have no command. */
  readonly services: readonly string[] | 'all';
}

export interface RestartsOptions {
  readonly session: Session;
  readonly terminal: Terminal;
  readonly program: string;
  readonly watch: boolean;
  readonly said: Said | undefined;
  /** The end of a command that cannot go on. */
  readonly rest: (view: View, why: string) => Next;
}

/** While somebody watches: how often rekey looks at what a person or another process has done. */
export const WATCH_PAUSE_MS = 5_000;
const REMIND_MS = 60_000;
const AGAIN: Next = { again: true };

/** One instance for one command. */
export class Restarts {
  readonly #options: RestartsOptions;
  #said: Said | undefined;
  /** Services whose command has failed. */
  readonly #failed = new Set<string>();
  #version: number | undefined;
  #reminded: { readonly what: string; readonly at: number } | undefined;

  constructor(options: RestartsOptions) {
    this.#options = options;
    this.#said = options.said;
  }

  /**
   * Call it with the first look of a command.
   *
   * @throws CommandError failed if the person has said something of another version than the files have
   */
  refuseOther({ facts: { keyset }, environment: { name } }: View): void {
    if (this.#said === undefined || keyset.phase === 'Steady' || this.#said.version === keyset.version) return;
    const { program } = this.#options;
    const was = `--reloaded ${this.#said.version}: the files have version ${keyset.version} since (${keyset.phase}), and whether a service was restarted after that is not said`;
    const way = `If it was: ${program} env continue ${name} ${reloadedText(keyset.version, this.#said.services)}. If not: ${program} env continue ${name}`;
    throw new CommandError(`${was}; this command wrote nothing. ${way}`, EXIT.failed);
  }

  /** @param services that must be restarted */
  next(view: View, services: readonly ServiceFacts[]): Next {
    const { version } = view.facts.keyset;
    if (this.#version !== version) this.#failed.clear();
    this.#version = version;
    const names = services.map(({ name }) => name);
    const byHand = names.filter((name) => commandOf(view.environment, name) === undefined);
    const said = this.#saidOf(version, names, byHand);
    if (said.length > 0) return { act: () => this.#count(view, said) };
    const open = names.filter((name) => !byHand.includes(name) && !this.#failed.has(name));
    if (open.length > 0) return { act: () => this.#run(view, open) };
    if (byHand.length > 0) return this.#byPerson(view, byHand);
    return this.#options.rest(view, this.#failures());
  }

  /** What a person has said counts once: what is written later was not loaded before. */
  #saidOf(version: number, names: readonly string[], byHand: readonly string[]): readonly string[] {
    const said = this.#said;
    this.#said = undefined;
    if (said?.version !== version) return [];
    return said.services === 'all' ? byHand : names.filter((name) => said.services.includes(name));
  }

  /** Each, whatever becomes of the others; also if what has succeeded cannot be written down. */
  async #run(view: View, services: readonly string[]): Promise<Next> {
    const { session } = this.#options;
    const troubles: unknown[] = [];
    for (const service of services) {
      if (!(await runReload(this.#options, view.environment, service))) {
        this.#failed.add(service);
        continue;
      }
      const counts = session.reloaded(view, [service], 'Command');
      const isCounted = await counts.catch((error: unknown) => troubles.push(error) > 0);
      if (!isCounted) return this.#changed(view);
    }
    if (troubles.length > 0) throw troubles[0];
    return AGAIN;
  }

  async #count(view: View, services: readonly string[]): Promise<Next> {
    const isCounted = await this.#options.session.reloaded(view, services, 'Person');
    return isCounted ? AGAIN : this.#changed(view);
  }

  #changed({ environment: { name } }: View): Next {
    const text = `${name} was written meanwhile, so that restart does not count; looking again\n`;
    this.#options.terminal.printErr(text);
    return AGAIN;
  }

  #failures(): string {
    return `not restarted, as far as rekey knows: ${[...this.#failed].join(', ')} (the reload command failed)`;
  }

  #byPerson(view: View, services: readonly string[]): Next {
    const { terminal, watch, program, rest } = this.#options;
    const list = services.join(', ');
    const { version } = view.facts.keyset;
    const goesOn = `${program} env continue ${view.environment.name} ${reloadedText(version, 'all')}`;
    const todo = `Restart ${list}. When they run again: ${goesOn}\n`;
    const leave = (): Next => {
      terminal.print(todo);
      return this.#failed.size > 0 ? rest(view, this.#failures()) : { again: false, exit: EXIT.done };
    };
    if (terminal.interactive) {
      const act = async () => {
        const answer = await terminal.question(`Restart ${list} now, then press Enter (q: go on later) `);
        return answer?.trim() === '' ? this.#count(view, services) : leave();
      };
      return { act };
    }
    if (!watch) return leave();
    this.#remind(`${version} ${list}`, todo);
    return { again: true, afterMs: WATCH_PAUSE_MS };
  }

  /** At once where it is new, and once a minute: another process must say that it is done. */
  #remind(what: string, todo: string): void {
    const { terminal } = this.#options;
    const now = terminal.now();
    if (this.#reminded?.what === what && now - this.#reminded.at < REMIND_MS) return;
    terminal.print(todo);
    this.#reminded = { what, at: now };
  }
}

/** @returns the flag that a person types who has restarted these services after the version was written */
export function reloadedText(version: number, services: Said['services']): string {
  return ['--reloaded', version, ...(services === 'all' ? [] : services)].join(' ');
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
  { terminal, session }: Pick<RestartsOptions, 'terminal' | 'session'>,
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
