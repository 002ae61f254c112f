/**
 * The process of `rekey`: the commands that need no cluster. It hands all others to `kubectl-rekey`, which has them.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { COMPLETE } from './cli/complete.ts';
import { addLocalCommands } from './cli/local-commands.ts';
import { runProgram } from './cli/program.ts';
import { addReportOfFile } from './cli/report/commands.ts';
import { EXIT, type Exit } from './cli/terminal.ts';
import { runProcess, terminal } from './command-process.ts';
import { nearestWord } from './env/nearest.ts';
import { oneLine } from './rotation/people/text.ts';

const LOCAL = ['generate', 'env', 'validate-app', 'report', 'completion', 'help', '--help', '-h', '--version', '-V'];
const OTHERS = '\nAll other commands, such as status and rotate, need a cluster: see kubectl rekey --help';

const args = process.argv.slice(2);

/** A service at a URL needs no cluster; a JwtKeyRotation does, and the keys in a Secret. */
function validatesInCluster(): boolean {
  const [command, ...rest] = args;
  if (command !== 'validate-app') return false;
  const isLocal = rest.some((arg) => /^https?:|^--made-keys$|^--help$|^-h$/.test(arg)) || rest.length === 0;
  return !isLocal || rest.some((arg) => /^--secret(=|$)/.test(arg));
}

/**
 * Runs the one beside this program, else the one on the PATH.
 *
 * @param otherwise if there is none
 */
async function handOver(otherwise: () => Promise<Exit>): Promise<Exit> {
  // Ctrl-C is for the program that has the terminal; this one waits until it has ended
  process.on('SIGINT', () => undefined);
  const beside = join(dirname(process.argv[1] ?? ''), 'kubectl-rekey');
  const child = spawn(existsSync(beside) ? beside : 'kubectl-rekey', args, { stdio: 'inherit' });
  try {
    const [code] = (await once(child, 'exit')) as [number | null];
    return (code ?? EXIT.failed) as Exit;
  } catch {
    return otherwise();
  }
}

async function refuse(): Promise<Exit> {
  const [command = ''] = args;
  const near = nearestWord(
    command,
    LOCAL.filter((each) => !each.startsWith('-')),
  );
  if (near !== undefined) terminal.printErr(`rekey has no command ${oneLine(command)}. Did you mean ${near}?\n`);
  if (near !== undefined) return EXIT.usage;
  terminal.printErr(`rekey ${oneLine(command)} needs kubectl-rekey: put it beside rekey, or on the PATH\n`);
  return EXIT.failed;
}

function runLocal(): Promise<Exit> {
  return runProgram('rekey', args, terminal, (program, guarded, run) => {
    addLocalCommands(program, guarded, run);
    addReportOfFile(program, guarded, run);
    const env = program.commands.find((command) => command.name() === 'env');
    env?.addHelpText(
      'after',
      '\nenv apply creates a Secret from the files of an environment: see kubectl rekey env apply --help',
    );
    program.addHelpText('after', OTHERS);
  });
}

void runProcess(() => {
  if (args[0] === COMPLETE) return handOver(runLocal);
  const needsCluster = args[0] !== undefined && !LOCAL.includes(args[0]);
  const isHandedOver = needsCluster || args.slice(0, 2).join(' ') === 'env apply' || validatesInCluster();
  return isHandedOver ? handOver(refuse) : runLocal();
});
