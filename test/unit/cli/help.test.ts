/** What help says is true: its examples, what it suggests, and the exit statuses. */
import { execFile } from 'node:child_process';
import { delimiter, dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { allCommands, runCommand } from '../../../src/cli/cluster-commands.ts';
import { runProgram } from '../../../src/cli/program.ts';
import { EXIT, type Terminal } from '../../../src/cli/terminal.ts';
import { KubeError } from '../../../src/kube/errors.ts';
import type { Operations } from '../../../src/rotation/people/operations.ts';
import { resourceIn } from './live/frames.ts';

const root = resolve(import.meta.dirname, '../../..');

function recorder() {
  const said = { result: '', told: '' };
  const terminal: Terminal = {
    print: (text) => {
      said.result += text;
    },
    printErr: (text) => {
      said.told += text;
    },
    ...{ closed: () => false, interactive: false, question: async () => undefined, now: () => 0 },
  };
  return { said, terminal };
}

const connect = () => expect.fail('nothing is to be done');
const noCommand = async () => undefined;

/** @returns each command with no command below it, by its words */
function leaves(command: Command, words: readonly string[] = []): readonly (readonly string[])[] {
  if (command.commands.length === 0) return [words];
  return command.commands.flatMap((each) => leaves(each, [...words, each.name()]));
}

async function allLeaves(): Promise<readonly string[]> {
  const { terminal } = recorder();
  let found: readonly (readonly string[])[] = [];
  await runProgram('kubectl rekey', ['--version'], terminal, (program, guarded, run) => {
    allCommands({ terminal, connect })(program, guarded, run);
    found = leaves(program);
  });
  return found.map((words) => words.join(' '));
}

describe('the help of each command', async () => {
  it.each(await allLeaves())('has two or three examples that are good usage: %s', async (path) => {
    const { said, terminal } = recorder();
    const add = allCommands({ terminal, connect });
    await runProgram('kubectl rekey', [...path.split(' '), '--help'], terminal, add);
    const [, examples = ''] = said.result.split('\nExamples:\n');
    const lines = examples.split('\n').filter((line) => line.startsWith('  kubectl rekey '));
    expect([2, 3]).toContain(lines.length);
    for (const line of lines) {
      const words = (line.replace('kubectl rekey', '').match(/'[^']*'|\S+/g) ?? []).map((word) =>
        word.replaceAll("'", ''),
      );
      expect(line.trim()).toContain(`kubectl rekey ${path}`);
      const code = await runProgram('kubectl rekey', words, terminal, (program, guarded) =>
        allCommands({ terminal, connect })(program, guarded, noCommand),
      );
      expect([line, code, said.told]).toEqual([line, EXIT.done, '']);
    }
  });
});

describe('a command or flag that is not known', () => {
  const run = (program: string, args: readonly string[], path = [dirname(process.execPath)]) =>
    new Promise<string>((done) => {
      const env = { PATH: path.join(delimiter), HOME: '/nowhere' };
      execFile(process.execPath, [join(root, 'src', program), ...args], { env }, (error, _, told) => {
        done(`${error?.code ?? 0} ${told}`);
      });
    });

  it.each([
    ['kubectl-rekey.ts', ['rotat'], 'Did you mean rotate?'],
    ['kubectl-rekey.ts', ['rotate', '--wiat'], 'Did you mean --wait?'],
    ['kubectl-rekey.ts', ['status', '--namepsace', 'x'], 'Did you mean --namespace?'],
    ['kubectl-rekey.ts', ['env', 'rotat'], 'Did you mean rotate?'],
    ['kubectl-rekey.ts', ['env', 'rotate', 'production', '--wacth'], 'Did you mean --watch?'],
    ['kubectl-rekey.ts', ['generate', '--fromat', 'raw'], 'Did you mean --format?'],
    ['rekey.ts', ['env', 'rotat'], 'Did you mean rotate?'],
    ['rekey.ts', ['generate', '--fromat', 'raw'], 'Did you mean --format?'],
    // kubectl-rekey, to which it hands others over, is not there
    ['rekey.ts', ['genrate'], 'Did you mean generate?'],
  ])('is told what it is like: %s %j', async (program, args, said) => {
    const told = await run(program, args);
    expect(told).toContain(said);
    expect(told).toMatch(/^2 /);
  });
});

describe('the exit status', () => {
  const resource = resourceIn('Steady');
  const blocked = resourceIn('Steady', {}, ['TargetPaused', 'paused']);
  const asked = (found: unknown) => {
    const operations = {
      namespace: 'shop',
      get: async () => {
        if (found instanceof Error) throw found;
        return found;
      },
      list: async () => [],
      leadership: async () => ({ kind: 'Led', holder: 'rekey-1' }),
      ask: async () => found,
    };
    return operations as unknown as Operations;
  };
  const missing = new KubeError({ verb: 'get', resource: 'jwtkeyrotations', code: 'NotFound' });
  const refused = new KubeError({ verb: 'get', resource: 'jwtkeyrotations', code: 'Forbidden' });

  it.each<[number, string, readonly string[], unknown]>([
    [0, 'done: all is ready', ['status', 'my-jwt'], resource],
    [0, 'done: asked for', ['pause', 'my-jwt'], resource],
    [0, 'done: help', ['--help'], resource],
    [0, 'done: the version', ['--version'], resource],
    [1, 'failed: there is none', ['status', 'my-jwt'], missing],
    [1, 'failed: it is not allowed', ['history', 'my-jwt'], refused],
    [1, 'failed: none is selected', ['rotate', '--all'], resource],
    [1, 'failed: there is nothing to abort', ['abort', 'my-jwt'], resource],
    [1, 'failed: there was no emergency', ['contained', 'my-jwt'], resource],
    [2, 'usage: no command', [], resource],
    [2, 'usage: no such command', ['no-such'], resource],
    [2, 'usage: no such flag', ['status', '--no-such'], resource],
    [2, 'usage: no name', ['plan'], resource],
    [2, 'usage: a name too many', ['plan', 'a', 'b'], resource],
    [2, 'usage: an empty name', ['status', ''], resource],
    [2, 'usage: no such format', ['status', '-o', 'xml'], resource],
    [2, 'usage: no duration', ['rotate', 'a', '--timeout', '5'], resource],
    [2, 'usage: a format that is not written', ['rotate', 'a', '-o', 'json'], resource],
    [2, 'usage: a format that is not written', ['abort', 'a', '-o', 'json'], resource],
    [2, 'usage: a format that is not written', ['withdraw', 'a', '-o', 'json'], resource],
    [2, 'usage: a format that is not written', ['pause', 'a', '-o', 'json'], resource],
    [2, 'usage: a format that is not written', ['suspend', 'a', '-o', 'json'], resource],
    [2, 'usage: a format that is not written', ['resume', 'a', '-o', 'json'], resource],
    [2, 'usage: a format that is not written', ['contained', 'a', '-o', 'json'], resource],
    [
      2,
      'usage: a format that is not written',
      ['inject', 'a', '--language', 'node', '--dry-run', '-o', 'json'],
      resource,
    ],
    [2, 'usage: a format that is not written', ['generate', '-o', 'json'], resource],
    [2, 'usage: neither names nor a selector', ['rotate'], resource],
    [2, 'usage: no reason', ['emergency', 'a'], resource],
    [2, 'usage: nobody to confirm', ['emergency', 'my-jwt', '--reason', 'a log'], resource],
    [2, 'usage: no log to check', ['verify-audit', '/nowhere'], resource],
    [2, 'usage: no such shell', ['completion', 'csh'], resource],
    [3, 'not ready', ['status', 'my-jwt'], blocked],
  ])('is %i for %s', async (code, _, args, found) => {
    const { said, terminal } = recorder();
    expect([await runCommand(args, { terminal, connect: () => asked(found) }), said.told]).toEqual([
      code,
      code === 0 || code === 3 ? '' : expect.stringMatching(/\S/),
    ]);
  });
});
