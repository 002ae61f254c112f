/**
 * What a command says and asks. Results go to standard output, all else to standard error, so that a pipe gets results only.
 */
import { EnvError } from '../env/error.ts';
import { isForPeople, isOfFlags, isOfKubeconfig } from '../rotation/people/errors.ts';
import { oneLine, redactText, visible } from '../rotation/people/text.ts';
import { fold } from './fold.ts';

export interface Terminal {
  /** A result. */
  print(text: string): void;
  /** What happens meanwhile, and what went wrong. */
  printErr(text: string): void;
  /** Whether nobody reads the results any more. */
  closed(): boolean;
  /** Whether the results go to a terminal. */
  readonly shown?: boolean;
  /** Of the terminal that the results go to; absent if they go elsewhere. */
  readonly resultColumns?: number | undefined;
  /** The same of standard error. */
  readonly errColumns?: number | undefined;
  /** Where a view can be drawn in place of the one before; absent where nobody looks, as in a pipe or in CI. */
  readonly openScreen?: () => Promise<Screen>;
  /** Whether somebody is there to answer. */
  readonly interactive: boolean;
  /** @returns the line that was typed; undefined if there is none: Ctrl-C, Ctrl-D, or the terminal is gone */
  question(text: string): Promise<string | undefined>;
  /** Milliseconds since the epoch. */
  now(): number;
}

/** A part of the terminal that is drawn again and again. It goes to standard error, as whatever is no result. */
export interface Screen {
  readonly colour: boolean;
  /** Of the terminal as it is now. */
  size(): { readonly columns: number; readonly rows: number };
  /** Draws these lines in place of those before. Of escape codes they may have such as set a colour. */
  draw(lines: readonly string[]): void;
  /** Takes away what was drawn: whatever is written next stands in its place. */
  clear(): void;
  /** Leaves these lines for good in place of those before, and gives the cursor back. */
  keep(lines: readonly string[]): void;
  /**
   * @param onTick called each second, and when the size has changed
   * @param onInterrupt called at Ctrl-C, which then ends nothing by itself; a second one does
   * @returns how to stop both
   */
  watch(onTick: () => void, onInterrupt: () => void): () => void;
}

/**
 * All that a command says goes through this. What cannot be seen is written out, whoever has written it, so that a resource or a
 * file steers no terminal.
 */
export function guarded(terminal: Terminal): Terminal {
  const { openScreen } = terminal;
  return {
    ...terminal,
    print: (text) => terminal.print(visible(text)),
    printErr: (text) => terminal.printErr(fold(visible(text), terminal.errColumns)),
    question: (text) => terminal.question(visible(text)),
    ...(openScreen && { openScreen: async () => guardedScreen(await openScreen()) }),
  };
}

/** What a view may have besides text: a colour, and its end (SGR of ECMA-48). */
const COLOUR = new RegExp(`(${String.fromCharCode(27)}\\[[0-9;]*m)`);

function guardedScreen(screen: Screen): Screen {
  const safe = (line: string) => {
    const parts = line.split(COLOUR);
    return parts.map((part) => (COLOUR.test(part) ? part : visible(part).replaceAll(/[\n\t]/g, ' '))).join('');
  };
  return {
    colour: screen.colour,
    size: () => screen.size(),
    clear: () => screen.clear(),
    watch: (onTick, onInterrupt) => screen.watch(onTick, onInterrupt),
    draw: (lines) => screen.draw(lines.map(safe)),
    keep: (lines) => screen.keep(lines.map(safe)),
  };
}

/** Exit statuses. That of an interrupt is what a shell makes of Ctrl-C. */
export const EXIT = { done: 0, failed: 1, usage: 2, notReady: 3, interrupted: 130 } as const;
export type Exit = (typeof EXIT)[keyof typeof EXIT];

/** An error that the user can correct, in one sentence. */
export class CommandError extends Error {
  readonly exit: Exit;

  constructor(message: string, exit: Exit) {
    super(message);
    this.exit = exit;
  }
}

/** @returns the exit status of what ran, or of the error that it ended with, which is printed */
export async function attempt(terminal: Terminal, run: () => Promise<Exit>, prefix = ''): Promise<Exit> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof CommandError) {
      terminal.printErr(`${prefix}${withoutKeys(oneLine(error.message))}\n`);
      return error.exit;
    }
    if (!(error instanceof EnvError) && !isForPeople(error)) throw error;
    const { message } = error;
    const isOurs = isOfKubeconfig(error) || error instanceof EnvError;
    terminal.printErr(`${prefix}${isOurs ? withoutKeys(message) : redactText(message)}\n`);
    return isOfFlags(error) ? EXIT.usage : EXIT.failed;
  }
}

/** @returns failed before not ready before done */
export function worst(exits: readonly Exit[]): Exit {
  return exits.find((exit) => exit === EXIT.failed) ?? exits.find((exit) => exit !== EXIT.done) ?? EXIT.done;
}

/** Half of all keys of 32 bytes have a slash in base64. Hardly any path has capitals, small letters and digits in so many characters. */
const BASE64_KEY = /(?=[a-z0-9+/]*[A-Z])(?=[A-Z0-9+/]*[a-z])(?=[A-Za-z+/]*\d)[A-Za-z0-9+/]{32,}={0,2}/g;

/**
 * What people have typed in the wrong place may be a key or a token. The path of a file must not be taken for one: it is what the
 * reader has to look at.
 */
export function withoutKeys(text: string): string {
  return text.replaceAll(/\S+/g, (word) =>
    word.includes('/') ? word.replaceAll(BASE64_KEY, '[redacted]') : redactText(word),
  );
}
