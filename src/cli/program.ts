/**
 * The commands of kubectl-rekey: what they are called, what they take, which piece does the work.
 */
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import type { JwtKeyRotation } from '../rotation/names.ts';
import { ASK, type Operations } from '../rotation/operations.ts';
import { parseDuration } from '../rotation/schedule/duration.ts';
import { contained, type EmergencyOptions, emergency } from './emergency.ts';
import { historyText } from './history.ts';
import { FORMATS, type Format, machineText } from './output.ts';
import { obstaclesText, planOf, planText } from './plan.ts';
import { abort, rotate, type Waiting } from './rotate.ts';
import { isReady, listText, statusText } from './status.ts';
import { CommandError, EXIT, type Exit, type Terminal } from './terminal.ts';
import { verifyAudit } from './verify-audit.ts';

/** Which cluster, and whose rights. */
export interface ConnectOptions {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly namespace?: string;
}

export interface Environment {
  readonly terminal: Terminal;
  /** Called once at most, and not by a command that needs no cluster. */
  readonly connect: (options: ConnectOptions) => Operations;
}

interface Global extends ConnectOptions {
  readonly output?: Format;
}

interface Selecting {
  readonly selector?: string;
  readonly all?: true;
}

/**
 * @param args without the name of the program
 * @returns the exit status
 */
export async function runCommand(args: readonly string[], environment: Environment): Promise<Exit> {
  const { terminal } = environment;
  try {
    return await parsed(args, environment);
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
    if (!(error instanceof CommandError)) throw error;
    terminal.tell(`${error.message}\n`);
    return error.exit;
  }
}

async function parsed(args: readonly string[], { terminal, connect }: Environment): Promise<Exit> {
  let exit: Exit = EXIT.done;
  const program = new Command('kubectl-rekey')
    .usage('COMMAND [NAME] [flags]')
    .description('rotates shared JWT keys, and shows where a rotation is')
    .option('-n, --namespace <name>', 'namespace; that of the context if absent')
    .option('--context <name>', 'context of the kubeconfig')
    .option('--kubeconfig <file>', 'kubeconfig; KUBECONFIG or ~/.kube/config if absent')
    .addOption(new Option('-o, --output <format>', 'how results are written').choices(FORMATS))
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({ writeOut: (text) => terminal.print(text), writeErr: (text) => terminal.tell(text) })
    .showHelpAfterError('(--help tells more)')
    .exitOverride()
    .addHelpText('after', '\nExit status: 0 done, 1 failed, 2 wrong usage, 3 not ready or not over in time');

  const waiting = (command: Command, byDefault: boolean, timeout: string) =>
    command
      .option(byDefault ? '--no-wait' : '--wait', byDefault ? 'do not wait for the end' : 'wait for the end')
      .option(
        '--timeout <duration>',
        'how long to wait, such as 30m; 0s for ever',
        milliseconds,
        milliseconds(timeout),
      );
  const command = <T>(
    name: string,
    description: string,
    act: (operations: Operations, names: readonly string[], options: T & Global) => Promise<Exit>,
  ) =>
    program
      .command(name, {})
      .description(description)
      .action(async (...given: unknown[]) => {
        const self = given.at(-1) as Command;
        const options = self.optsWithGlobals<T & Global>();
        exit = await act(connect(options), self.args, options);
      });

  command<{ readonly allNamespaces?: true }>(
    'status [name]',
    'where a rotation is, or all of them',
    async (operations, [name], options) => {
      if (name === undefined) return showAll(operations, terminal, options);
      return show(operations, terminal, name, options.output);
    },
  ).option('-A, --all-namespaces', 'those of all namespaces');
  command<{ readonly now?: true }>(
    'plan <name>',
    'what the next rotation will do, and what keeps it from starting',
    async (operations, [name = ''], options) => {
      const plan = await planOf(
        operations,
        await operations.get(name),
        options.now ? 'now' : 'schedule',
        terminal.now(),
      );
      const text = 'steps' in plan ? planText(plan, terminal.now()) : obstaclesText(plan.obstacles);
      terminal.print(machineText(plan, options.output) ?? text);
      return plan.obstacles.length === 0 ? EXIT.done : EXIT.notReady;
    },
  ).option('--now', 'as if it were asked for now, not when it is due');
  command('check <name>', 'what keeps a rotation from starting now', async (operations, [name = ''], options) => {
    const { obstacles } = await planOf(operations, await operations.get(name), 'now', terminal.now());
    terminal.print(machineText(obstacles, options.output) ?? obstaclesText(obstacles));
    return obstacles.length === 0 ? EXIT.done : EXIT.notReady;
  });
  command('history <name>', 'the last rotations', async (operations, [name = ''], options) => {
    const resource = await operations.get(name);
    terminal.print(
      machineText(resource.status?.history ?? [], options.output) ?? historyText(resource, terminal.now()),
    );
    return EXIT.done;
  });
  waiting(
    command<Waiting & Selecting>('rotate [name...]', 'ask for a rotation now', async (operations, names, options) =>
      rotate(operations, terminal, await selected(operations, names, options), options),
    )
      .option('-l, --selector <labels>', 'those with these labels')
      .option('--all', 'all of the namespace'),
    false,
    '0s',
  );
  waiting(
    command<Waiting>(
      'abort <name>',
      'go back: before promote the new key leaves, after it the old one signs again',
      (operations, [name = ''], options) => abort(operations, terminal, name, options),
    ),
    false,
    '0s',
  );
  asking('pause <name>', 'rest where it is, an emergency aside', ASK.pause, 'paused');
  asking('suspend <name>', 'start no new rotation; one under way goes on', ASK.suspend, 'suspended');
  asking('resume <name>', 'end a pause and a suspension', ASK.resume, 'resumed');
  waiting(
    command<EmergencyOptions>(
      'emergency <name>',
      'a key has leaked: burn every key, and tell when the last pod accepted one',
      (operations, [name = ''], options) => emergency(operations, terminal, name, options),
    )
      .requiredOption('--reason <text>', 'why, for the audit')
      .option('--yes', 'do not ask for the name', false),
    true,
    '15m',
  );
  command('contained <name>', 'the cause of the last emergency was found', (operations, [name = '']) =>
    contained(operations, terminal, name),
  );
  program
    .command('verify-audit <file>')
    .description('whether an audit log (a ConfigMap as JSON; - for standard input) is as it was written')
    .action((file: string) => {
      exit = verifyAudit(file, terminal);
    });

  function asking(name: string, description: string, patch: () => object, done: string): void {
    command(name, description, async (operations, [target = '']) => {
      await operations.ask(target, patch());
      terminal.print(`${target}: ${done}\n`);
      return EXIT.done;
    });
  }

  await program.parseAsync(args, { from: 'user' });
  return exit;
}

function milliseconds(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined) throw new InvalidArgumentError('Write a duration such as 90s, 30m or 48h.');
  return ms;
}

async function show(
  operations: Operations,
  terminal: Terminal,
  name: string,
  output: Format | undefined,
): Promise<Exit> {
  const resource = await operations.get(name);
  terminal.print(machineText(resource, output) ?? statusText(resource, terminal.now()));
  return isReady(resource) ? EXIT.done : EXIT.notReady;
}

async function showAll(
  operations: Operations,
  terminal: Terminal,
  { output, allNamespaces }: Global & { readonly allNamespaces?: true },
): Promise<Exit> {
  const items = await operations.list(undefined, allNamespaces);
  const text = machineText({ apiVersion: 'v1', kind: 'List', items }, output);
  if (items.length === 0)
    terminal.tell(`there is no JwtKeyRotation in ${allNamespaces ? 'any namespace' : operations.namespace}\n`);
  terminal.print(text ?? (items.length === 0 ? '' : listText(items, terminal.now(), output === 'wide')));
  return items.every(isReady) ? EXIT.done : EXIT.notReady;
}

/** @throws CommandError usage unless it is clear which are meant */
async function selected(
  operations: Operations,
  names: readonly string[],
  { selector, all }: Selecting,
): Promise<readonly string[]> {
  const ways = [names.length > 0, selector !== undefined, all === true].filter(Boolean);
  if (ways.length !== 1) throw new CommandError('give names, or --selector, or --all', EXIT.usage);
  if (names.length > 0) return names;
  const found = await operations.list(selector);
  if (found.length === 0)
    throw new CommandError(`no JwtKeyRotation in ${operations.namespace} is meant by that`, EXIT.failed);
  return found.map(({ metadata }: JwtKeyRotation) => metadata.name);
}
