/**
 * The command line: `kubectl rekey` with all commands, and `rekey` with those that need no cluster, which starts at once since it
 * has nothing else in it.
 */
import { Command, CommanderError, Option } from 'commander';
import pkg from '../../package.json' with { type: 'json' };
import { COMPLETE, completions, type Names } from './complete.ts';
import { addExamples } from './examples.ts';
import { FORMATS, type Format, isFormatOf, notOf } from './formats.ts';
import { attempt, EXIT, type Exit, guarded, type Terminal, withoutKeys } from './terminal.ts';

/** Runs what a command does, and keeps its exit status. */
export type Run = (act: () => Promise<Exit>) => Promise<void>;

/** Adds commands to a program. */
export type AddCommands = (program: Command, terminal: Terminal, run: Run) => void;

/**
 * @param name what the user has called, such as `kubectl rekey`
 * @param args without the name of the program
 * @param names to complete words with
 * @returns the exit status
 */
export async function runProgram(
  name: string,
  args: readonly string[],
  raw: Terminal,
  addCommands: AddCommands,
  names: Names = {},
): Promise<Exit> {
  const terminal = guarded(raw);
  const program = programOf(name, terminal);
  let exit: Exit = EXIT.done;
  addCommands(program, terminal, async (act) => {
    exit = await attempt(terminal, act);
  });
  program.hook('preAction', (_, command) => {
    const { output } = program.opts<{ readonly output?: Format }>();
    if (output === undefined || isFormatOf(command.name(), output)) return;
    program.error(`error: ${notOf(command.name(), output)}`);
  });
  addExamples(program);
  if (args[0] === COMPLETE) {
    terminal.print(await completions(program, args.slice(1), { environments, ...names }));
    return EXIT.done;
  }
  try {
    await program.parseAsync(args, { from: 'user' });
    return exit;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    throw error;
  }
}

/** Of the services with .env files here. */
async function environments(): Promise<readonly string[]> {
  const [{ loadConfig }, { environmentsOf }] = await Promise.all([
    import('../env/config.ts'),
    import('../env/env-config.ts'),
  ]);
  return environmentsOf(await loadConfig(process.cwd()));
}

function programOf(name: string, terminal: Terminal): Command {
  return new Command(name)
    .usage('COMMAND [NAME] [flags]')
    .description('rotate shared JWT keys, and follow a rotation')
    .version(pkg.version)
    .addOption(new Option('-o, --output <format>', 'output format, of commands with more than one').choices(FORMATS))
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => terminal.print(text),
      writeErr: (text) => terminal.printErr(withoutKeys(text)),
    })
    .showHelpAfterError('(see --help)')
    .exitOverride()
    .addHelpText('after', '\nExit status: 0 done, 1 failed, 2 wrong usage, 3 not ready or timed out, 130 Ctrl-C');
}
