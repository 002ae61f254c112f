/**
 * The process of a command line: its terminal, and how it ends.
 */
import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import type { WriteStream } from 'node:tty';
import { EXIT, type Exit, guarded, type Terminal } from './cli/terminal.ts';
import { redactText } from './rotation/people/text.ts';
import { systemClock as clock } from './runtime/clock.ts';

/** In CI a log is read, a dumb terminal (terminfo) moves no cursor, and one without a size has nobody who looks. */
function canDraw({ isTTY, columns, rows }: Partial<WriteStream>, { TERM, CI = '' }: NodeJS.ProcessEnv): boolean {
  const hasSize = columns !== undefined && columns > 0 && rows !== undefined && rows > 0;
  return isTTY === true && hasSize && TERM !== 'dumb' && (CI === '' || CI === 'false');
}

/** Standard input, output and error of this process. */
export const terminal: Terminal = {
  print: (text) => process.stdout.write(text),
  printErr: (text) => process.stderr.write(text),
  closed: () => closed,
  shown: process.stdout.isTTY === true,
  resultColumns: process.stdout.isTTY ? process.stdout.columns : undefined,
  errColumns: process.stderr.isTTY ? process.stderr.columns : undefined,
  ...(canDraw(process.stderr, process.env) && {
    openScreen: async () => new (await import('./cli/live/screen.ts')).TerminalScreen(process.stderr, process),
  }),
  interactive: process.stdin.isTTY === true,
  question: async (text) => {
    const lines = createInterface({ input: process.stdin, output: process.stderr });
    try {
      // Ctrl-D and Ctrl-C end the question, and are not an empty line
      const closed = once(lines, 'close').then(() => undefined);
      return await Promise.race([lines.question(text).catch(() => undefined), closed]);
    } finally {
      lines.close();
    }
  },
  now: clock.now,
};

let closed = false;
// whoever reads may have seen enough; what was asked for is done to its end all the same
process.stderr.on('error', () => undefined);
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  closed = true;
  if (error.code === 'EPIPE') return;
  terminal.printErr(`cannot write the result: ${error.message}\n`);
  process.exitCode = EXIT.failed;
});

/** Runs a command to its end, and sets the exit status of the process. */
export async function runProcess(
  run: () => Promise<Exit>,
  end: () => Promise<void> = async () => undefined,
): Promise<void> {
  try {
    const exit = await run();
    process.exitCode ??= exit;
  } catch (error) {
    const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    guarded(terminal).printErr(`internal error, please report it: ${redactText(what)}\n`);
    process.exitCode = EXIT.failed;
  } finally {
    await end();
  }
}
