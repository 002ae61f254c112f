/**
 * The commands that need a cluster: what they are called, what they take, which piece does the work.
 */
import { type Command, Option } from 'commander';
import { ASK } from '../rotation/people/asking.ts';
import type { Operations } from '../rotation/people/operations.ts';
import { LANGUAGES } from '../rotation/people/preload.ts';
import { oneLine } from '../rotation/people/text.ts';
import { checkCanary } from './check-canary.ts';
import type { Names } from './complete.ts';
import { addConnection, type ConnectOptions } from './connection.ts';
import type { DoctorFlags } from './doctor/doctor.ts';
import { contained, type EmergencyOptions, emergency } from './emergency.ts';
import { apply } from './env/apply.ts';
import type { Format } from './formats.ts';
import { historyText } from './history.ts';
import { type InjectOptions, inject } from './inject.ts';
import { ask } from './leader.ts';
import { addLocalCommands } from './local-commands.ts';
import { addLogCommands } from './log-commands.ts';
import { machineText, printResult } from './output.ts';
import { carryConnection } from './pasted.ts';
import { obstaclesNow, planOf, warnedOf } from './plan.ts';
import { obstaclesText, planRecord, planText } from './plan-text.ts';
import { type AddCommands, type Run, runProgram } from './program.ts';
import { withdraw } from './queue.ts';
import { type RbacOptions, rbac } from './rbac.ts';
import { addReport } from './report/commands.ts';
import { resume } from './resume.ts';
import { abort, rotate, type Waiting } from './rotate.ts';
import { type Selecting, selected } from './selected.ts';
import { type ShowOptions, show } from './show.ts';
import { CommandError, EXIT, type Exit, type Terminal } from './terminal.ts';
import { timeoutOption } from './timeout.ts';
import { typedName } from './typed-name.ts';
import { validateTargets } from './validate-app/targets.ts';

export interface Environment {
  readonly terminal: Terminal;
  /** Called once at most, and not by a command that needs no cluster. */
  readonly connect: (options: ConnectOptions) => Operations | Promise<Operations>;
  /** Of the kubeconfig, to complete words with. */
  readonly contexts?: (options: ConnectOptions) => Promise<readonly string[]>;
}

interface Global extends ConnectOptions {
  readonly output?: Format;
}

type Act<Options> = (operations: Operations, names: readonly string[], options: Options & Global) => Promise<Exit>;

/** Adds a command that needs a cluster. */
type Add = <Options>(usage: string, description: string, act: Act<Options>) => Command;

/**
 * The whole command line.
 *
 * @param args without the name of the program
 * @returns the exit status
 */
export function runCommand(args: readonly string[], environment: Environment): Promise<Exit> {
  const { terminal, connect, contexts } = environment;
  const names: Names = {
    resources: async (options) => (await (await connect(options)).list()).map(({ metadata }) => metadata.name),
    namespaces: async (options) => (await connect(options)).namespaces(),
    ...(contexts && { contexts }),
  };
  return runProgram('kubectl rekey', args, terminal, allCommands(environment), names);
}

/** @returns what adds every command */
export function allCommands(given: Environment): AddCommands {
  const connect: Environment['connect'] = (options) => {
    carryConnection(options);
    return given.connect(options);
  };
  const environment = { ...given, connect };
  return (program, terminal, run) => {
    addClusterCommands(program, { ...environment, terminal }, run);
    addLocalCommands(program, terminal, run, { connect: environment.connect, validateTargets });
    addApply(program, { ...environment, terminal }, run);
  };
}

function addClusterCommands(program: Command, { terminal, connect }: Environment, run: Run): void {
  addConnection(program);
  const add: Add = <Options>(usage: string, description: string, act: Act<Options>) =>
    program
      .command(usage, {})
      .description(description)
      .action(async (...given: unknown[]) => {
        const self = given.at(-1) as Command;
        const options = self.optsWithGlobals<Options & Global>();
        await run(async () => {
          if (self.args.includes('')) throw new CommandError('a name must not be empty', EXIT.usage);
          return act(await connect(options), self.args.map(typedName), options);
        });
      });
  addLooking(add, terminal);
  addPrinting(add, terminal);
  addAsking(add, terminal);
  addEmergencies(add, terminal);
  addReport(program, terminal, connect, run);
  addLogCommands(program, terminal, run);
}

function addLooking(add: Add, terminal: Terminal): void {
  add<ShowOptions>('status [name]', 'show one rotation, or all of them', (operations, [name], options) =>
    show(operations, terminal, name, options),
  )
    .option('-A, --all-namespaces', 'in all namespaces')
    .option('-w, --watch', 'with a name: follow it until Ctrl-C; with -o, print it again at each change');

  add<{ readonly now?: true }>(
    'plan <name>',
    'show what the next rotation will do, and what blocks it',
    async (operations, [name = ''], { now, output }) => {
      const at = now ? 'now' : 'schedule';
      const plan = await planOf(operations, await operations.get(name), at, terminal.now());
      const known = 'steps' in plan;
      const text = known ? planText(plan, terminal.now()) : obstaclesText(plan.obstacles);
      printResult(terminal, machineText(known ? planRecord(plan) : plan, output), text);
      return plan.obstacles.length === 0 ? EXIT.done : EXIT.notReady;
    },
  ).option('--now', 'as if it were requested now, not when it is due');

  addCheck(add, terminal);
  add('history <name>', 'show the last rotations', async (operations, [name = ''], { output }) => {
    const resource = await operations.get(name);
    const text = machineText(resource.status?.history ?? [], output);
    printResult(terminal, text, historyText(resource, terminal.now()));
    if (text === undefined && !resource.status?.history?.length) terminal.printErr('no rotation has ended yet\n');
    return EXIT.done;
  });
}

/** Prints what a person applies. */
function addPrinting(add: Add, terminal: Terminal): void {
  const injecting = add<InjectOptions>(
    'inject <name>',
    'print what lets its targets accept fallbacks without a change of their code',
    (operations, [name = ''], options) => inject(operations, terminal, name, options),
  );
  injecting
    .addOption(new Option('--language <language>', 'language of the targets').choices(LANGUAGES))
    .option('--target <kind/name>', 'this target alone, such as Deployment/main; or ConfigMap')
    .option('--dry-run', 'print it; needed, as inject applies nothing by itself');
  add<RbacOptions>(
    'rbac <name>',
    'print the least Role that the operator needs for it',
    async (operations, [name = ''], options) => rbac(operations, terminal, name, options),
  )
    .option('--create-secret', 'with the right to create the Secret if it is absent')
    .option('--network-policy', 'and a NetworkPolicy for the canary ports of its targets');
}

function addCheck(add: Add, terminal: Terminal): void {
  add<{ readonly canary?: true }>(
    'check <name>',
    'show what blocks a rotation from starting now',
    async (operations, [name = ''], { canary, output }) => {
      if (canary) return checkCanary(operations, terminal, name, output);
      const resource = await operations.get(name);
      const obstacles = obstaclesNow(resource, await planOf(operations, resource, 'now', terminal.now()));
      printResult(terminal, machineText(obstacles, output), obstaclesText(obstacles));
      for (const warning of warnedOf(resource)) terminal.printErr(`${oneLine(warning)}\n`);
      return obstacles.length === 0 ? EXIT.done : EXIT.notReady;
    },
  ).option('--canary', 'let the operator ask each pod now, and show request, answers and verdict');
  add<DoctorFlags>('doctor <name>', 'answer the usual questions when something is wrong', async (...given) => {
    const { doctor } = await import('./doctor/doctor.ts');
    const [operations, [name = ''], flags] = given;
    return doctor(operations, terminal, name, flags);
  })
    .option('--canary', 'let the operator ask each pod first')
    .option('--tokens <file>', 'look at how long these tokens live; - for standard input. Nothing of them is kept');
}

function addAsking(add: Add, terminal: Terminal): void {
  const rotating = add<Waiting & Selecting>(
    'rotate [name...]',
    'request a rotation now',
    async (operations, names, options) =>
      rotate(operations, terminal, await selected(operations, names, options), options),
  )
    .option('-l, --selector <labels>', 'all with these labels')
    .option('--all', 'all in the namespace');
  const aborting = add<Waiting>(
    'abort <name>',
    'go back: before promote the new key leaves, after it the old key signs again; cancels queued requests too',
    (operations, [name = ''], options) => abort(operations, terminal, name, options),
  );
  for (const command of [rotating, aborting]) {
    command.option('--wait', 'wait until it ends').addOption(timeoutOption('0s'));
  }
  add<Pick<Waiting, 'timeout'>>(
    'withdraw <name>',
    'withdraw requests for which no rotation has started',
    (operations, [name = ''], options) => withdraw(operations, terminal, name, options),
  ).addOption(timeoutOption('30s'));
  for (const [name, description, patch, done] of [
    ['pause', 'hold the rotation where it is; an emergency still runs', ASK.pause(), 'paused'],
    ['suspend', 'do not start new rotations; one under way continues', ASK.suspend(), 'suspended'],
  ] as const) {
    add(`${name} <name>`, description, async (operations, [target = '']) => {
      await ask(operations, terminal, target, patch);
      terminal.print(`${target}: ${done}\n`);
      return EXIT.done;
    });
  }
  add('resume <name>', 'end a pause and a suspension', (operations, [name = '']) => resume(operations, terminal, name));
}

function addEmergencies(add: Add, terminal: Terminal): void {
  add<EmergencyOptions>(
    'emergency <name>',
    'a key has leaked: burn every key, and report when the last pod accepted one',
    (operations, [name = ''], options) => emergency(operations, terminal, name, options),
  )
    .requiredOption('--reason <text>', 'the reason, for the audit log')
    .option('--yes', 'do not ask for confirmation', false)
    .option('--no-wait', 'do not wait until it ends')
    .addOption(timeoutOption('15m'));
  add('contained <name>', 'record that the cause of the last emergency was found', (operations, [name = '']) =>
    contained(operations, terminal, name),
  );
}

/** Of the commands for .env files the one that needs a cluster. */
function addApply(program: Command, { terminal, connect }: Environment, run: Run): void {
  const env = program.commands.find((command) => command.name() === 'env');
  env
    ?.command('apply <environment>')
    .description('create a Secret from the files of an environment, and print the JwtKeyRotation for it')
    .option('--name <name>', 'name of the Secret and the JwtKeyRotation', 'jwt')
    .action(async (environment: string, _: unknown, self: Command) => {
      const options = self.optsWithGlobals<ConnectOptions & { readonly name: string }>();
      await run(async () => apply(await connect(options), terminal, { environment, name: options.name }));
    });
}
