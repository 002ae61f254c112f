/**
 * The drawing itself, on a real terminal. The library moves the cursor, hides it, and shows it again however the process ends.
 */
import type { WriteStream } from 'node:tty';
import { createLogUpdate } from 'log-update';
import { EXIT, type Screen } from '../terminal.ts';
import { widthOf } from './paint.ts';

const SECOND_MS = 1_000;
/** One line up, and away with what stands there (ECMA-48: CUU, EL). */
const ERASE_ABOVE = '\u001b[1A\u001b[2K';

/** Called on Ctrl-C. */
export interface Interrupts {
  on(signal: 'SIGINT', listener: () => void): unknown;
  off(signal: 'SIGINT', listener: () => void): unknown;
  exit(code: number): never;
}

/** See {@link Screen}. */
export class TerminalScreen implements Screen {
  readonly #stream: WriteStream;
  readonly #interrupts: Interrupts;
  readonly #update: ReturnType<typeof createLogUpdate>;
  #drawn: readonly string[] = [];
  #columns: number;

  constructor(stream: WriteStream, interrupts: Interrupts) {
    this.#stream = stream;
    this.#interrupts = interrupts;
    this.#update = createLogUpdate(stream);
    this.#columns = stream.columns;
  }

  get colour(): boolean {
    return this.#stream.hasColors();
  }

  size() {
    return { columns: this.#stream.columns, rows: this.#stream.rows };
  }

  draw(lines: readonly string[]): void {
    this.#sweep();
    this.#update(lines.join('\n'));
    this.#drawn = lines;
  }

  clear(): void {
    this.#sweep();
    this.#update.clear();
    this.#drawn = [];
  }

  keep(lines: readonly string[]): void {
    this.#sweep();
    this.#update.persist(lines.join('\n'));
    this.#update.done();
    this.#drawn = [];
  }

  watch(onTick: () => void, onInterrupt: () => void): () => void {
    const ticks = setInterval(onTick, SECOND_MS);
    let times = 0;
    // whoever presses it again does not want to wait until all is tidied up
    const interrupted = () => {
      times += 1;
      return times === 1 ? onInterrupt() : this.#interrupts.exit(EXIT.interrupted);
    };
    this.#stream.on('resize', onTick);
    this.#interrupts.on('SIGINT', interrupted);
    return () => {
      clearInterval(ticks);
      this.#stream.off('resize', onTick);
      this.#interrupts.off('SIGINT', interrupted);
    };
  }

  /** A terminal that has become narrower has broken the lines that were too long for it: they take more rows than were drawn. */
  #sweep(): void {
    const { columns } = this.#stream;
    if (columns < this.#columns) {
      const rowsOf = (line: string) => Math.max(1, Math.ceil(widthOf(line) / columns));
      const extra = this.#drawn.reduce((sum, line) => sum + rowsOf(line) - 1, 0);
      this.#update.clear();
      this.#stream.write(ERASE_ABOVE.repeat(extra));
    }
    this.#columns = columns;
  }
}
