/**
 * The restarts that a step waits for: by the command of a service where it has one, else by a person. A command runs, and
 * a person is asked, without the lock: a colleague may have an emergency meanwhile.
 */
import type { Session, View } from '../../env/session.ts';
import type { ServiceFacts } from '../../env/step.ts';
import { CommandError, EXIT, type Exit, type Terminal } from '../terminal.ts';
import { commandOf, eachAlone, runReload } from './reload.ts';
import { refutedText } from './text.ts';

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
  /** The end of a command that cannot go on. `way`: what to do then, where that is more than to continue. */
  readonly rest: (view: View, why: string, way?: string) => Next;
}

/** While somebody watches: how often rekey looks at what a person or another process has done. */
export const WATCH_PAUSE_MS = 5_000;
const REMIND_MS = 60_000;
/** So often in a row a restart may not count. */
const TRIES = 2;
const AGAIN: Next = { again: true };

/** One instance for one command. */
export class Restarts {
  readonly #options: RestartsOptions;
  #said: Said | undefined;
  /** Services that this command restarts no more for this version, and why. */
  readonly #failed = new Map<string, string>();
  /** How often in a row a restart did not count for this version, by service. */
  readonly #uncounted = new Map<string, number>();
  /** Services whose last restart by this command did not count, and when it ended. */
  readonly #stale = new Map<string, number>();
  #version: number | undefined;
  /** Who was named before commands ran, and for which version. */
  #named: string | undefined;
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
    if (this.#version !== version) for (const known of [this.#failed, this.#uncounted]) known.clear();
    this.#version = version;
    const names = services.map(({ name }) => name);
    // the command has shown that it does not help a service that accepted a burnt key after it
    const byHand = services
      .filter(({ name, refuted }) => refuted || commandOf(view.environment, name) === undefined)
      .map(({ name }) => name);
    const said = this.#saidOf(version, names, byHand);
    if (said.length > 0) return { act: () => this.#count(view, said) };
    const open = names.filter((name) => !byHand.includes(name) && !this.#failed.has(name));
    if (open.length > 0) {
      if (byHand.length > 0) this.#nameFirst(view, byHand);
      return { act: () => this.#run(view, open) };
    }
    if (byHand.length > 0) return this.#byPerson(view, byHand);
    return this.#options.rest(view, this.#failures(view));
  }

  /** In an emergency nobody waits for a command of another service. */
  #nameFirst({ facts: { keyset } }: View, services: readonly string[]): void {
    const list = services.join(', ');
    const what = `${keyset.version} ${list}`;
    if (keyset.phase !== 'Burning' || this.#named === what) return;
    this.#options.terminal.print(`Restart ${list} now: until then a burnt key may be accepted there.\n`);
    this.#named = what;
  }

  /** What a person has said counts once: what is written later was not loaded before. */
  #saidOf(version: number, names: readonly string[], byHand: readonly string[]): readonly string[] {
    const said = this.#said;
    this.#said = undefined;
    if (said?.version !== version) return [];
    if (said.services !== 'all') return names.filter((name) => said.services.includes(name));
    if (byHand.length === 0 && names.length > 0) this.#sayUncounted(version, names);
    return byHand;
  }

  #sayUncounted(version: number, names: readonly string[]): void {
    const who = `${names.join(', ')} ${names.length === 1 ? 'has a reload command' : 'have reload commands'}`;
    const way = `To vouch for one that a command cannot restart, name it: ${reloadedText(version, names.slice(0, 1))}`;
    this.#options.terminal.printErr(`--reloaded ${version} counts for no service: ${who}. ${way}\n`);
  }

  /** @returns services that may have older keys: this command has restarted them while others were written, and nobody since */
  staleIn({ environment: { state } }: View): readonly string[] {
    return [...this.#stale].filter(([name, at]) => (state?.reloads[name]?.at ?? 0) < at).map(([name]) => name);
  }

  /** Each, whatever becomes of the others; also if what has succeeded cannot be written down. */
  async #run(view: View, services: readonly string[]): Promise<Next> {
    const { session } = this.#options;
    const restart = async (service: string, waited: boolean) => {
      // if nobody knows, once more does no harm
      if (waited && !(await session.needsRestart(view, service).catch(() => true))) return;
      await this.#restart(view, service);
    };
    const isUrgent = view.facts.keyset.phase === 'Burning';
    const left = await eachAlone(this.#options, services, restart, isUrgent);
    for (const { service, why } of left) this.#failed.set(service, why);
    return AGAIN;
  }

  async #restart(view: View, service: string): Promise<void> {
    if (!(await runReload(this.#options, view.environment, service))) {
      this.#failed.set(service, 'the reload command failed');
      return;
    }
    if (await this.#options.session.reloaded(view, [service], 'Command')) {
      this.#uncounted.delete(service);
      this.#stale.delete(service);
      return;
    }
    this.#changed(view, service);
    this.#stale.set(service, this.#options.terminal.now());
    const times = (this.#uncounted.get(service) ?? 0) + 1;
    this.#uncounted.set(service, times);
    if (times >= TRIES) this.#failed.set(service, 'restarted twice, and each time its keys were written meanwhile');
  }

  async #count(view: View, services: readonly string[]): Promise<Next> {
    const isCounted = await this.#options.session.reloaded(view, services, 'Person');
    if (!isCounted) this.#changed(view, services.join(', '));
    return AGAIN;
  }

  #changed({ environment: { name } }: View, services: string): void {
    const text = `${name} was written meanwhile, so that restart of ${services} does not count; looking again\n`;
    this.#options.terminal.printErr(text);
  }

  #failures({ environment: { name }, facts: { keyset } }: View): string {
    const list = [...this.#failed].map(([service, why]) => `${service} (${why})`);
    const vouched = reloadedText(keyset.version, [...this.#failed.keys()]);
    const way = `${this.#options.program} env continue ${name} ${vouched}`;
    return `not restarted, as far as rekey knows: ${list.join(', ')}\nIf a person has restarted what is named, rekey takes your word: ${way}`;
  }

  #byPerson(view: View, services: readonly string[]): Next {
    const { terminal, watch, program, rest } = this.#options;
    const list = services.join(', ');
    const { version } = view.facts.keyset;
    const goesOn = `${program} env continue ${view.environment.name} ${reloadedText(version, 'all')}`;
    const todo = `Restart ${list}. When they run again: ${goesOn}\n`;
    const { leftOut = [] } = view.environment;
    const leave = (): Next => {
      if (leftOut.length > 0) return this.#withoutThem(view, list, leftOut);
      terminal.print(todo);
      const refuted = refutedText(view, program);
      if (refuted !== undefined) return rest(view, refuted.why, refuted.way);
      return this.#failed.size > 0 ? rest(view, this.#failures(view)) : { again: false, exit: EXIT.done };
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

  /** No command can go on before the files of those that were left out can be read. */
  #withoutThem(view: View, list: string, leftOut: readonly string[]): Next {
    const { terminal, program, rest } = this.#options;
    const { name } = view.environment;
    const strangers = leftOut.join(', ');
    terminal.print(`Restart ${list}.\n`);
    const left = `${strangers}: left out, so it may still accept a burnt key`;
    const why = this.#failed.size > 0 ? `${this.#failures(view)}\n${left}` : left;
    const goesOn = `${program} env continue ${name} ${reloadedText(view.facts.keyset.version, 'all')}`;
    const way = `First make the file of ${strangers} one that rekey can read and replace (if the service is gone for good: copy the file of another one there). Then: ${program} env sync ${name}. Then restart ${strangers}, and when all run again: ${goesOn}`;
    return rest(view, why, way);
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
