/**
 * The command line: `kubectl rekey` with all commands, and `rekey` with those that need no cluster, which starts at once since it
 * has nothing else in it.
 */
import { Command, CommanderError, Option } from 'commander';
import pkg from '../../package.json' with { type: 'json' };
import { attempt, EXIT, type Exit, guarded, type Terminal, withoutKeys } from './terminal.ts';

export const FORMATS = ['json', 'yaml', 'wide', 'html'] as const;
export type Format = (typeof FORMATS)[number];
/** One command makes pages. */
const MAKES_PAGES = 'report';

/** Runs what a command does, and keeps its exit status. */
export type Run = (act: () => Promise<Exit>) => Promise<void>;

/** Adds commands to a program. */
export type AddCommands = (program: Command, terminal: Terminal, run: Run) => void;

/**
 * @param name what the user has called, such as `kubectl rekey`
 * @param args without the name of the program
 * @returns the exit status
 */
export async function runProgram(
  name: string,
  args: readonly string[],
  raw: Terminal,
  addCommands: AddCommands,
): Promise<Exit> {
  const terminal = guarded(raw);
  const program = programOf(name, terminal);
  let exit: Exit = EXIT.done;
  addCommands(program, terminal, async (act) => {
    exit = await attempt(terminal, act);
  });
  program.hook('preAction', (_, command) => {
    if (program.opts<{ readonly output?: Format }>().output !== 'html' || command.name() === MAKES_PAGES) return;
    program.error(`error: -o html: ${command.name()} makes no page; only ${MAKES_PAGES} does`);
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return exit;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    throw error;
  }
}

function programOf(name: string, terminal: Terminal): Command {
  return new Command(name)
    .usage('COMMAND [NAME] [flags]')
    .description('rotate shared JWT keys, and follow a rotation')
    .version(pkg.version)
    .addOption(new Option('-o, --output <format>', 'output format').choices(FORMATS))
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ writeOut: (text) => terminal.print(text), writeErr: (text) => terminal.tell(withoutKeys(text)) })
    .showHelpAfterError('(see --help)')
    .exitOverride()
    .addHelpText('after', '\nExit status: 0 done, 1 failed, 2 wrong usage, 3 not ready or timed out');
}
