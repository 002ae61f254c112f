/**
 * A frame on a screen: drawn again each second, taken away for words that are written meanwhile, and left at the end.
 */
import type { Screen, Terminal } from '../terminal.ts';

/** @returns the lines of the frame as it is now */
export type Frame = (size: {
  readonly columns: number;
  readonly rows: number;
  readonly colour: boolean;
}) => readonly string[];

/** One frame at a time; one that was left may be followed by another. */
export class Canvas {
  /** What the command says meanwhile goes here, so that it does not stand in the middle of the frame. */
  readonly terminal: Terminal;
  readonly #screen: Screen;
  readonly #frame: Frame;
  readonly #stopped = new AbortController();
  #unwatch: (() => void) | undefined;

  constructor(screen: Screen, terminal: Terminal, frame: Frame) {
    this.#screen = screen;
    this.#frame = frame;
    this.terminal = {
      ...terminal,
      print: (text) => this.#above(() => terminal.print(text)),
      printErr: (text) => this.#above(() => terminal.printErr(text)),
      question: (text) => {
        this.keep();
        return terminal.question(text);
      },
    };
  }

  /** Aborted at Ctrl-C while there is a frame. */
  get signal(): AbortSignal {
    return this.#stopped.signal;
  }

  /** Draws the frame as it is now, and from now on each second. */
  draw(): void {
    this.#unwatch ??= this.#screen.watch(
      () => this.draw(),
      () => this.#stopped.abort(),
    );
    this.#screen.draw(this.#frame({ ...this.#screen.size(), colour: this.#screen.colour }));
  }

  /** Leaves the frame for good, as long as it is: nothing is drawn over it any more. */
  keep(): void {
    if (this.#unwatch === undefined) return;
    this.#unwatch();
    this.#unwatch = undefined;
    const size = { ...this.#screen.size(), rows: Number.POSITIVE_INFINITY };
    this.#screen.keep(this.#frame({ ...size, colour: this.#screen.colour }));
  }

  #above(write: () => void): void {
    const isDrawn = this.#unwatch !== undefined;
    if (isDrawn) this.#screen.clear();
    write();
    if (isDrawn) this.draw();
  }
}
