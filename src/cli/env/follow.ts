/**
 * Goes on with a rotation: makes every step that can be made now, and says who must do what before the next.
 */
import { allKeys } from '../../env/environment.ts';
import { BusyError } from '../../env/files/lock.ts';
import { keyHider } from '../../env/hide-keys.ts';
import { keyVariables, reload } from '../../env/reload.ts';
import type { Session, View } from '../../env/session.ts';
import { isGoingBack, type ServiceFacts, SINGLE_KEY, type Step } from '../../env/step.ts';
import type { Canvas, Frame } from '../live/canvas.ts';
import { when } from '../output.ts';
import { EXIT, type Exit, type Terminal } from '../terminal.ts';
import { make } from './make.ts';
import { endText, leavingText, viewText } from './text.ts';

export interface FollowOptions {
  readonly session: Session;
  readonly terminal: Terminal;
  /** What the user calls this program. */
  readonly program: string;
  /** Waits for what must be waited for, instead of saying what to do next. */
  readonly watch: boolean;
  /** Services that a person has restarted since the last step; `all` of those that it waits for. */
  readonly reloaded: readonly string[] | 'all';
}

/** A service that was just started needs a moment until it answers; it is asked so often, then the rotation rests. */
const ASKS = 20;
const ASK_PAUSE_MS = 1_500;
/** While somebody watches: how often rekey looks at what a person or another process has done, and how often in a long wait. */
const WATCH_PAUSE_MS = 5_000;
const WAIT_PAUSE_MS = 60_000;
const REMIND_MS = 60_000;
const BUSY_PAUSE_MS = 1_000;

const FICKLE = 'a service answers now with the newest version, now with an older one: is there a second process of it?';

/** What one look has come to: there is more to do, now or later, or the command ends. */
type Next = { readonly again: true; readonly afterMs?: number } | { readonly again: false; readonly exit: Exit };

const end = (exit: Exit): Next => ({ again: false, exit });

/** A rotation that nobody has asked to end, and that has ended without a new key. */
function endedWell({ facts: { keyset } }: View): boolean {
  return keyset.rotation?.failure?.reason !== SINGLE_KEY;
}

/** How the last one ended, where that is known. */
function lastText(view: View): string {
  const text = endText(view);
  return text === '' ? '' : `last: ${text}`;
}

/** One instance for one command. */
export class Follower {
  #options: FollowOptions;
  /** Where a frame is drawn while somebody watches on a terminal. */
  #canvas: Canvas | undefined;
  #view: View | undefined;
  #asks = 0;
  #shown = '';
  /** Counts for {@link #saidOf}, the version that is there when the command begins: what is written later was not loaded before. */
  #said: readonly string[] | 'all';
  #saidOf: number | undefined;
  #reopened = false;
  #reminded: { readonly what: string; readonly at: number } | undefined;
  #wrote = false;

  constructor(options: FollowOptions) {
    this.#options = options;
    this.#said = options.reloaded;
  }

  /**
   * @returns done when nothing is left to do now, not ready if a service does not answer as it should
   * @throws EnvError or FileError
   */
  async run(): Promise<Exit> {
    const { terminal, watch, session } = this.#options;
    if (!watch || terminal.openScreen === undefined) return this.#follow();
    const goesOn = this.#continue(session.environment);
    const [{ Canvas }, { watchedView }] = await Promise.all([import('../live/canvas.ts'), import('./live.ts')]);
    const frame: Frame = (size) => (this.#view ? watchedView({ view: this.#view, goesOn }, terminal.now(), size) : []);
    this.#canvas = new Canvas(await terminal.openScreen(), terminal, frame);
    this.#options = { ...this.#options, terminal: this.#canvas.terminal };
    try {
      return await this.#follow(this.#canvas.signal);
    } catch (error) {
      if (!this.#canvas.signal.aborted) throw error;
      this.#canvas.keep();
      terminal.printErr(
        `${session.environment} rests where it is (${this.#view?.facts.keyset.phase}). To go on: ${goesOn}\n`,
      );
      return EXIT.interrupted;
    } finally {
      this.#canvas.keep();
    }
  }

  async #follow(signal?: AbortSignal): Promise<Exit> {
    const { session } = this.#options;
    for (;;) {
      signal?.throwIfAborted();
      const next = await session
        .alone(async () => this.#step(await session.look()))
        .catch((error) => this.#busy(error));
      if (!next.again) return next.exit;
      if (next.afterMs !== undefined) await session.pause(next.afterMs, signal);
    }
  }

  /** Whoever watches waits for another run, which may be the one that it has asked for. */
  #busy(error: unknown): Next {
    if (!this.#options.watch || !(error instanceof BusyError)) throw error;
    return { again: true, afterMs: BUSY_PAUSE_MS };
  }

  async #step(view: View): Promise<Next> {
    const { session, terminal, watch } = this.#options;
    const { name } = view.environment;
    this.#show(view);
    this.#saidOf ??= view.facts.keyset.version;
    if (view.differences.length > 0) return this.#refuse(view);
    const { step } = view;
    this.#asks = step.kind === 'Ask' ? this.#asks + 1 : 0;
    switch (step.kind) {
      case 'Write':
        if (step.write.transition === 'reopen' && this.#reopened) return this.#rest(name, FICKLE);
        this.#reopened ||= step.write.transition === 'reopen';
        await make(session, terminal, view, step.write);
        this.#wrote = true;
        return { again: true };
      case 'Reload':
        return this.#restart(view, step.services);
      case 'Ask':
        return this.#ask(name, step);
      case 'Wait':
        if (watch) return { again: true, afterMs: Math.min(step.until - view.facts.now, WAIT_PAUSE_MS) };
        terminal.print(
          `${name}: ${leavingText(isGoingBack(view.facts.keyset))} stays accepted until ${when(step.until, view.facts.now)}, since its tokens live so long\n`,
        );
        terminal.print(`Then run: ${this.#continue(name)}\n`);
        return end(EXIT.done);
      case 'Rest':
        return this.#rest(name, step.why);
      case 'Done':
        this.#canvas?.keep();
        terminal.print(this.#wrote ? endText(view) : `${name}: nothing is under way\n${lastText(view)}`);
        return end(endedWell(view) ? EXIT.done : EXIT.failed);
    }
  }

  #rest(environment: string, why: string): Next {
    this.#canvas?.keep();
    const next = `When that is mended: ${this.#continue(environment)}`;
    this.#options.terminal.printErr(`${why}\n${environment} rests; nothing was written. ${next}\n`);
    return end(EXIT.notReady);
  }

  #continue(environment: string): string {
    return `${this.#options.program} env continue ${environment}`;
  }

  #show(view: View): void {
    const { terminal, watch } = this.#options;
    this.#view = view;
    if (this.#canvas !== undefined) {
      if (view.step.kind !== 'Done' || this.#wrote) this.#canvas.draw();
      return;
    }
    const text = viewText(view);
    if (watch && text !== this.#shown) terminal.print(text);
    this.#shown = text;
  }

  #refuse({ differences, environment }: View): Next {
    const { terminal, program } = this.#options;
    this.#canvas?.keep();
    for (const { message } of differences) terminal.printErr(`${message}\n`);
    terminal.printErr(`Nothing was written. To make all files alike again: ${program} env sync ${environment.name}\n`);
    return end(EXIT.failed);
  }

  #ask(environment: string, { services }: Extract<Step, { kind: 'Ask' }>): Next {
    const { terminal, watch } = this.#options;
    if (this.#asks < ASKS) return { again: true, afterMs: ASK_PAUSE_MS };
    if (watch) return { again: true, afterMs: WATCH_PAUSE_MS };
    for (const { name, loaded } of services) if ('why' in loaded) terminal.printErr(`${name}: ${loaded.why}\n`);
    terminal.printErr(
      `${environment} rests: all keys stay as they are. Look at why, then: ${this.#continue(environment)}\n`,
    );
    return end(EXIT.notReady);
  }

  /** By its command where a service has one, else by a person. */
  async #restart(view: View, services: readonly ServiceFacts[]): Promise<Next> {
    const { session, terminal } = this.#options;
    const { config, name: environment, files } = view.environment;
    for (const { name: service } of services) {
      const command = files.find((file) => file.service.name === service)?.service.reload[environment];
      if (command === undefined) continue;
      terminal.print(`  ${service}: ${command}\n`);
      const call = { service, environment, command, folder: config.root, withheld: keyVariables(config) };
      const hide = keyHider([...allKeys(view.environment), ...session.gone]);
      await reload(call, (line) => terminal.printErr(`    ${hide(line)}\n`));
      await session.reloaded(view, [service], 'Command');
      // each command has changed the state: look again before the next
      return { again: true };
    }
    return this.#byPerson(
      view,
      services.map(({ name }) => name),
    );
  }

  /** At once where it is new, and once a minute: another process must say that it is done. */
  #remind(what: string, todo: string, terminal: Terminal): void {
    const now = terminal.now();
    if (this.#reminded?.what === what && now - this.#reminded.at < REMIND_MS) return;
    terminal.print(todo);
    this.#reminded = { what, at: now };
  }

  async #byPerson(view: View, services: readonly string[]): Promise<Next> {
    const { session, terminal, watch, program } = this.#options;
    const said = this.#saidOf === view.facts.keyset.version ? this.#said : [];
    this.#said = [];
    const restarted = said === 'all' ? services : services.filter((service) => said.includes(service));
    if (restarted.length > 0) {
      await session.reloaded(view, restarted, 'Person');
      return { again: true };
    }
    const list = services.join(', ');
    if (terminal.interactive) {
      const answer = await terminal.question(`Restart ${list} now, then press Enter (q: go on later) `);
      if (answer?.trim() === '') {
        await session.reloaded(view, services, 'Person');
        return { again: true };
      }
    }
    const todo = `Restart ${list}. When they run again: ${program} env continue ${view.environment.name} --reloaded\n`;
    if (watch && !terminal.interactive) {
      this.#remind(`${view.facts.keyset.version} ${list}`, todo, terminal);
      return { again: true, afterMs: WATCH_PAUSE_MS };
    }
    terminal.print(todo);
    return end(EXIT.done);
  }
}
