/**
 * The view on a terminal: keeps what is followed, and draws it again when something has changed.
 */
import type { JwtKeyRotation } from '../../rotation/api/names.ts';
import type { Screen, Terminal } from '../terminal.ts';
import { Canvas } from './canvas.ts';
import type { Asked } from './course.ts';
import type { Progress } from './progress.ts';
import { endedSubject, type Subject, subjectOf } from './subject.ts';
import { view } from './view.ts';
import { whereText } from './words.ts';

export interface BoardOptions {
  readonly screen: Screen;
  readonly terminal: Terminal;
  /** By the clock of the API server, milliseconds since the epoch. */
  readonly now: () => number;
  readonly asked: Asked;
}

/** See {@link Progress}. */
export class Board implements Progress {
  readonly #options: BoardOptions;
  readonly #canvas: Canvas;
  readonly #subjects = new Map<string, Subject>();
  /** As each was before the last look: where it ends, it has left its course already. */
  readonly #before = new Map<string, Subject>();
  readonly #followed = new Set<string>();

  constructor(options: BoardOptions) {
    const { screen, terminal, now } = options;
    this.#options = options;
    this.#canvas = new Canvas(screen, terminal, (size) => view([...this.#subjects.values()], now(), size));
  }

  get terminal(): Terminal {
    return this.#canvas.terminal;
  }

  get signal(): AbortSignal {
    return this.#canvas.signal;
  }

  look(name: string, resource: JwtKeyRotation): void {
    const { asked, now } = this.#options;
    const before = this.#subjects.get(name);
    if (before !== undefined) this.#before.set(name, before);
    this.#subjects.set(name, subjectOf(resource, asked, now(), before));
    this.#followed.add(name);
    this.#canvas.draw();
  }

  note(name: string, text: string | undefined): void {
    const subject = this.#subjects.get(name);
    if (subject === undefined) return;
    const { note: _, ...rest } = subject;
    this.#subjects.set(name, { ...rest, ...(text !== undefined && { note: text }) });
    this.#canvas.draw();
  }

  end(name: string, good?: boolean): void {
    const subject = this.#subjects.get(name);
    if (subject !== undefined && good !== undefined) {
      this.#subjects.set(name, endedSubject(subject, this.#before.get(name), good, this.#options.now()));
    }
    this.#followed.delete(name);
    if (this.#followed.size > 0) this.#canvas.draw();
    else this.#canvas.keep();
  }

  where(name: string): string | undefined {
    const subject = this.#subjects.get(name);
    return subject && whereText(subject, this.#options.now());
  }
}
