/**
 * What a command says and asks. Results go to standard output, all else to standard error, so that a pipe gets results only.
 */
import { EnvError } from '../env/error.ts';
import { isForPeople, isOfKubeconfig } from '../rotation/people/errors.ts';
import { oneLine, redactText, visible } from '../rotation/people/text.ts';

export interface Terminal {
  /** A result. */
  print(text: string): void;
  /** What happens meanwhile, and what went wrong. */
  tell(text: string): void;
  /** Whether nobody reads the results any more. */
  closed(): boolean;
  /** Begins a new screen, where there is one. */
  clear(): void;
  /** Whether somebody is there to answer. */
  readonly interactive: boolean;
  /** @returns the line that was typed; undefined if there is none: Ctrl-C, Ctrl-D, or the terminal is gone */
  question(text: string): Promise<string | undefined>;
  /** Milliseconds since the epoch. */
  now(): number;
}

/**
 * All that a command says goes through this. What cannot be seen is written out, whoever has written it, so that a resource or a
 * file steers no terminal.
 */
export function guarded(terminal: Terminal): Terminal {
  return {
    ...terminal,
    print: (text) => terminal.print(visible(text)),
    tell: (text) => terminal.tell(visible(text)),
    question: (text) => terminal.question(visible(text)),
  };
}

/** Exit statuses. */
export const EXIT = { done: 0, failed: 1, usage: 2, notReady: 3 } as const;
export type Exit = (typeof EXIT)[keyof typeof EXIT];

/** Something that the user can put right, told in one sentence. */
export class CommandError extends Error {
  readonly exit: Exit;

  constructor(message: string, exit: Exit) {
    super(message);
    this.exit = exit;
  }
}

/** @returns the exit status of what ran, or of the error that it ended with; that is told */
export async function attempt(terminal: Terminal, run: () => Promise<Exit>, prefix = ''): Promise<Exit> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof CommandError) {
      terminal.tell(`${prefix}${withoutKeys(oneLine(error.message))}\n`);
      return error.exit;
    }
    if (!(error instanceof EnvError) && !isForPeople(error)) throw error;
    const { message } = error;
    const isOurs = isOfKubeconfig(error) || error instanceof EnvError;
    terminal.tell(`${prefix}${isOurs ? withoutKeys(message) : redactText(message)}\n`);
    return EXIT.failed;
  }
}

/** @returns failed before not ready before done */
export function worst(exits: readonly Exit[]): Exit {
  return exits.find((exit) => exit === EXIT.failed) ?? exits.find((exit) => exit !== EXIT.done) ?? EXIT.done;
}

/**
 * What people have typed in the wrong place may be a key or a token. The path of a file must not be taken for one: it is what the
 * reader has to look at.
 */
export function withoutKeys(text: string): string {
  return text.replaceAll(/\S+/g, (word) => (word.includes('/') ? word : redactText(word)));
}
