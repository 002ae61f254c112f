/**
 * Goes on with a rotation: makes every step that can be made now, and says who must do what before the next.
 */
import { EnvError } from '../../env/error.ts';
import { BusyError } from '../../env/files/lock.ts';
import type { Session, View } from '../../env/session.ts';
import { isGoingBack, SINGLE_KEY, type Step } from '../../env/step.ts';
import type { Canvas, Frame } from '../live/canvas.ts';
import { when } from '../output.ts';
import { EXIT, type Exit, type Terminal } from '../terminal.ts';
import { make } from './make.ts';
import { type Next, Restarts, type Said, WATCH_PAUSE_MS } from './restarts.ts';
import { endText, leavingText, refutedText, viewText } from './text.ts';

export interface FollowOptions {
  readonly session: Session;
  readonly terminal: Terminal;
  /** What the user calls this program. */
  readonly program: string;
  /** Waits for what must be waited for, instead of saying what to do next. */
  readonly watch: boolean;
  /** What a person has restarted; undefined if nobody has said anything. */
  readonly said?: Said | undefined;
  /** What this command has written so far, as the names of the writes. */
  readonly wrote?: readonly string[];
}

/** A service that was just started needs a moment until it answers; it is asked so often, then the rotation rests. */
const ASKS = 20;
const ASK_PAUSE_MS = 1_500;
/** While somebody watches: how often rekey looks in a long wait. */
const WAIT_PAUSE_MS = 60_000;
const BUSY_PAUSE_MS = 1_000;

/** It was late once more, after rekey had begun to wait anew. */
function lateText({ facts: { services } }: View): string {
  const late = services.filter(({ loaded }) => loaded.kind !== 'Loaded').map(({ name }) => name);
  const what = 'held the newest version and then an older one, twice: is there a second process of it?';
  return `${late.join(', ')} ${what} Restart or stop every process of it`;
}

/** Nothing is left to do without the lock. */
type Settled = Exclude<Next, { readonly act: unknown }>;

const end = (exit: Exit): Settled => ({ again: false, exit });

/** A rotation that nobody has asked to end, and that has ended without a new key. */
function endedWell({ facts: { keyset } }: View): boolean {
  return keyset.rotation?.failure?.reason !== SINGLE_KEY;
}

function refutedIn({ facts: { services } }: View): readonly string[] {
  return services.filter(({ refuted }) => refuted).map(({ name }) => name);
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
  #reopened = false;
  /** Services that accepted a burnt key when this command asked last. */
  #against: readonly string[] = [];
  /** Made when it is known what the terminal is. */
  #restarts: Restarts | undefined;
  readonly #wrote: string[];

  constructor(options: FollowOptions) {
    this.#options = options;
    this.#wrote = [...(options.wrote ?? [])];
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
      const next = await this.#look().catch((error: unknown) => this.#broken(error));
      if (!next.again) return next.exit;
      if (next.afterMs !== undefined) await session.pause(next.afterMs, signal);
    }
  }

  /** One look and one step with the lock, then what needs none. */
  async #look(): Promise<Settled> {
    const { session } = this.#options;
    let next: Next = await session.decide((view) => this.#step(view));
    while ('act' in next) next = await next.act();
    return next;
  }

  /** Whoever watches waits for another run, which may be the one that it has asked for. */
  #broken(error: unknown): Settled {
    const { watch, terminal } = this.#options;
    if (watch && error instanceof BusyError) return { again: true, afterMs: BUSY_PAUSE_MS };
    if (error instanceof EnvError && this.#wrote.length > 0) {
      this.#canvas?.keep();
      terminal.printErr(`${this.#view ? this.#standing(this.#view) : this.#wroteText()}\n`);
    }
    throw error;
  }

  async #step(view: View): Promise<Next> {
    const { session, terminal, watch } = this.#options;
    const { name } = view.environment;
    this.#show(view);
    this.#restarts ??= this.#firstRestarts(view);
    if (view.differences.length > 0) return this.#refuse(view);
    const { step } = view;
    if (step.kind !== 'Done') this.#against = refutedIn(view);
    this.#asks = step.kind === 'Ask' ? this.#asks + 1 : 0;
    switch (step.kind) {
      case 'Write':
        if (step.write.transition === 'reopen' && this.#reopened) return this.#rest(view, lateText(view));
        this.#reopened ||= step.write.transition === 'reopen';
        await make(session, terminal, view, step.write);
        this.#wrote.push(step.write.transition);
        return { again: true };
      case 'Reload':
        return this.#restarts.next(view, step.services);
      case 'Ask':
        return this.#ask(view, step);
      case 'Wait':
        if (watch) return { again: true, afterMs: Math.min(step.until - view.facts.now, WAIT_PAUSE_MS) };
        terminal.print(
          `${name}: ${leavingText(isGoingBack(view.facts.keyset))} stays accepted until ${when(step.until, view.facts.now)}, since its tokens live so long\n`,
        );
        terminal.print(`Then run: ${this.#continue(name)}\n`);
        return end(EXIT.done);
      case 'Rest':
        return this.#rest(view, step.why);
      case 'Done':
        return this.#done(view);
    }
  }

  #firstRestarts(view: View): Restarts {
    const { session, terminal, program, watch, said } = this.#options;
    const rest = (at: View, why: string, way?: string) => this.#rest(at, why, way);
    const restarts = new Restarts({ session, terminal, program, watch, said, rest });
    restarts.refuseOther(view);
    return restarts;
  }

  /** Another run may have ended it, and knows nothing of what this one has seen. */
  #done(view: View): Next {
    const { terminal } = this.#options;
    const { name } = view.environment;
    this.#canvas?.keep();
    terminal.print(this.#wrote.length > 0 ? endText(view) : `${name}: nothing is under way\n${lastText(view)}`);
    const against = this.#against.map((each) => `${each}: it accepted a burnt key when this command asked it last`);
    const stale = this.#restarts?.staleIn(view) ?? [];
    const older = stale.map((each) => `${each}: this command restarted it while other keys were written`);
    const doubts = [...against, ...older];
    if (doubts.length === 0) return end(endedWell(view) ? EXIT.done : EXIT.failed);
    terminal.printErr(`${doubts.join('\n')}\nRestart every process of it, unless that was done since\n`);
    return end(EXIT.notReady);
  }

  #rest(view: View, why: string, way?: string): Next {
    this.#canvas?.keep();
    const goesOn = `When that is mended: ${this.#continue(view.environment.name)}`;
    const next = way ?? refutedText(view, this.#options.program)?.way ?? goesOn;
    this.#options.terminal.printErr(`${why}\n${this.#standing(view)}. ${next}\n`);
    return end(EXIT.notReady);
  }

  /** Where it rests, and what this command has written. */
  #standing({ environment: { name }, facts: { keyset } }: View): string {
    return `${name} rests in ${keyset.phase}. ${this.#wroteText()}`;
  }

  #wroteText(): string {
    return this.#wrote.length === 0
      ? 'This command wrote nothing'
      : `Written by this command: ${this.#wrote.join(', ')}`;
  }

  #continue(environment: string): string {
    return `${this.#options.program} env continue ${environment}`;
  }

  #show(view: View): void {
    const { terminal, watch } = this.#options;
    this.#view = view;
    if (this.#canvas !== undefined) {
      if (view.step.kind !== 'Done' || this.#wrote.length > 0) this.#canvas.draw();
      return;
    }
    const text = viewText(view);
    if (watch && text !== this.#shown) terminal.print(text);
    this.#shown = text;
  }

  #refuse(view: View): Next {
    const { terminal, program } = this.#options;
    this.#canvas?.keep();
    for (const { message } of view.differences) terminal.printErr(`${message}\n`);
    const way = `To make all files alike again: ${program} env sync ${view.environment.name}`;
    terminal.printErr(`${this.#standing(view)}. ${way}\n`);
    return end(EXIT.failed);
  }

  #ask(view: View, { services }: Extract<Step, { kind: 'Ask' }>): Next {
    const { terminal, watch, program } = this.#options;
    if (this.#asks < ASKS) return { again: true, afterMs: ASK_PAUSE_MS };
    if (watch) return { again: true, afterMs: WATCH_PAUSE_MS };
    for (const { name, loaded } of services) if ('why' in loaded) terminal.printErr(`${name}: ${loaded.why}\n`);
    const way = refutedText(view, program)?.way ?? `Look at why, then: ${this.#continue(view.environment.name)}`;
    terminal.printErr(`${this.#standing(view)}. ${way}\n`);
    return end(EXIT.notReady);
  }
}
