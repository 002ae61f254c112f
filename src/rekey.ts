/**
 * The process of `rekey`: the commands that need no cluster. It hands all others to `kubectl-rekey`, which has them.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { addLocalCommands } from './cli/local-commands.ts';
import { runProgram } from './cli/program.ts';
import { addReportOfFile } from './cli/report/commands.ts';
import { EXIT, type Exit } from './cli/terminal.ts';
import { runProcess, terminal } from './command-process.ts';

const LOCAL = ['generate', 'env', 'validate-app', 'report', 'help', '--help', '-h', '--version', '-V'];
const OTHERS = '\nAll other commands, such as status and rotate, need a cluster: see kubectl rekey --help';

const args = process.argv.slice(2);

/** A service at a URL needs no cluster; a JwtKeyRotation does, and the keys in a Secret. */
function validatesInCluster(): boolean {
  const [command, ...rest] = args;
  if (command !== 'validate-app') return false;
  const isLocal = rest.some((arg) => /^https?:|^--made-keys$|^--help$|^-h$/.test(arg)) || rest.length === 0;
  return !isLocal || rest.some((arg) => /^--secret(=|$)/.test(arg));
}

/** The one beside this program, else the one on the PATH. */
async function handOver(): Promise<Exit> {
  const beside = join(dirname(process.argv[1] ?? ''), 'kubectl-rekey');
  const child = spawn(existsSync(beside) ? beside : 'kubectl-rekey', args, { stdio: 'inherit' });
  try {
    const [code] = (await once(child, 'exit')) as [number | null];
    return (code ?? EXIT.failed) as Exit;
  } catch {
    terminal.tell(`rekey ${args[0]} needs kubectl-rekey: put it beside rekey, or on the PATH\n`);
    return EXIT.failed;
  }
}

void runProcess(() => {
  const needsCluster = args[0] !== undefined && !LOCAL.includes(args[0]);
  if (needsCluster || args.slice(0, 2).join(' ') === 'env apply' || validatesInCluster()) return handOver();
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
});
