/** What a shell offers next: asked as shells and kubectl ask, and typed in real shells. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from '../../../src/cli/cluster-commands.ts';
import type { Terminal } from '../../../src/cli/terminal.ts';
import type { Operations } from '../../../src/rotation/people/operations.ts';
import { openPty } from '../../support/terminal/pty.ts';

/** @returns what is offered, and the directive */
async function offered(words: readonly string[], failure?: Error | 'late') {
  let text = '';
  const print = (more: string) => {
    text += more;
  };
  const terminal = { print, printErr: expect.fail } as unknown as Terminal;
  const asked: unknown[] = [];
  const list = async () => {
    if (failure === 'late') return new Promise<never>(() => undefined);
    if (failure !== undefined) throw failure;
    return ['api-jwt', 'web-jwt\u001b', 'web-test'].map((name) => ({ metadata: { name } }));
  };
  const operations = { list, namespaces: async () => ['default', 'shop'] } as unknown as Operations;
  const connect = (options: unknown) => {
    asked.push(options);
    return operations;
  };
  const contexts = async () => ['dev', 'prod'];
  const code = await runCommand(['__complete', ...words], { terminal, connect, contexts });
  const lines = text.trimEnd().split('\n');
  return { code, values: lines.slice(0, -1).map((line) => line.split('\t')[0]), directive: lines.at(-1), asked };
}

describe('the next word', () => {
  it.each<[string, readonly string[], readonly string[]]>([
    ['is a command', ['sta'], ['status']],
    ['is a command below another', ['env', 'ro'], ['rotate']],
    ['is a name from the cluster', ['status', ''], ['api-jwt', 'web-jwt', 'web-test']],
    ['is a name with this beginning', ['rotate', '--wait', 'web'], ['web-jwt', 'web-test']],
    ['is a name that was not given yet', ['rotate', 'web-test', 'web'], ['web-jwt']],
    ['is no name where there is one already', ['status', 'api-jwt', ''], []],
    ['is a flag', ['status', '--w'], ['--watch']],
    ['is a flag of all commands', ['status', 'api-jwt', '--kubec'], ['--kubeconfig']],
    ['is a value of a flag', ['plan', 'api-jwt', '-o', ''], ['json', 'yaml', 'wide']],
    ['is a page of the one that makes pages', ['report', 'api-jwt', '-o', 'h'], ['html']],
    ['is a value of a flag, written with =', ['plan', '--output=y'], ['--output=yaml']],
    ['is a value of a flag, as bash takes it apart', ['plan', '--output', '=', 'y'], ['yaml']],
    ['is a value of a flag, at the sign itself', ['plan', '--output', '='], ['json', 'yaml', 'wide']],
    ['is a language', ['inject', 'api-jwt', '--language', 'p'], ['python']],
    ['is a namespace', ['status', '-n', 's'], ['shop']],
    ['is a context', ['--context', ''], ['dev', 'prod']],
    ['is a shell', ['completion', 'f'], ['fish']],
    ['is not known', ['rotate', '--timeout', ''], []],
  ])('%s: %j', async (_, words, values) => {
    expect(await offered(words)).toMatchObject({ code: 0, values, directive: ':4' });
  });

  it.each([[['verify-audit', '']], [['generate', '--to', '']], [['status', '--kubeconfig', '']]])(
    'is a file: %j',
    async (words) => {
      expect(await offered(words)).toMatchObject({ values: [], directive: ':0' });
    },
  );

  it('is looked for where the flags before it say', async () => {
    const { asked } = await offered(['status', '-n', 'shop', '--context=prod', '--as', 'alice', '']);
    expect(asked).toEqual([{ namespace: 'shop', context: 'prod', as: 'alice' }]);
  });

  it.each([
    ['fails', new Error('no cluster')],
    ['does not come', 'late' as const],
  ])('is nothing, and silent, where the answer %s', async (_, failure) => {
    expect(await offered(['status', ''], failure)).toMatchObject({ code: 0, values: [], directive: ':4' });
  });
});

const root = resolve(import.meta.dirname, '../../..');
const dir = mkdtempSync(join(tmpdir(), 'rekey-completion-'));
afterAll(() => rmSync(dir, { recursive: true }));

// how long it takes depends on what else runs here
beforeAll(() => execFileSync(process.execPath, ['tools/bundle.ts', dir], { cwd: root }), 120_000);

/** A folder with a project, where both programs are on the PATH. */
function project(): { readonly folder: string; readonly path: string } {
  const folder = join(dir, 'project');
  mkdirSync(join(folder, 'main'), { recursive: true });
  const service = '  main: { names: [JWT_SECRET_KEY], files: { production: main/.env.production } }\n';
  writeFileSync(join(folder, 'rekey.yaml'), `maxTokenTTL: 1h\nsourceOfTruth: main\nservices:\n${service}`);
  return { folder, path: [dir, dirname(process.execPath), '/usr/bin', '/bin'].join(delimiter) };
}

const has = (shell: string) => {
  try {
    execFileSync(shell, ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
};

const SHELLS: readonly (readonly [shell: string, args: readonly string[], load: string])[] = [
  ['bash', ['--noprofile', '--norc', '-i'], 'eval "$(PROGRAM completion bash)"'],
  ['zsh', ['-f', '-i'], 'autoload -U compinit; compinit -D -u; eval "$(PROGRAM completion zsh)"'],
  ['fish', ['--no-config', '-i'], 'PROGRAM completion fish | source'],
];

describe.each(SHELLS)('in %s', (shell, args, load) => {
  it.skipIf(!has(shell))('commands, flags, values and environments are completed', async () => {
    const { folder, path } = project();
    const variables = { PATH: path, HOME: folder, PS1: '> ', PROMPT: '> ', KUBECONFIG: '/dev/null' };
    const pty = openPty(
      ['sh', '-c', `cd ${folder} && exec ${shell} ${args.join(' ')}`],
      { columns: 120, rows: 30 },
      variables,
    );
    await pty.shows(/[>#$%]/);
    for (const program of ['rekey', 'kubectl-rekey'])
      pty.send(`${load.replaceAll('PROGRAM', program)}; echo "ready"${program}\n`);
    await pty.shows('readykubectl-rekey');
    const types = async (text: string, shown: string) => {
      pty.send(`${text}\t`);
      await pty.shows(`${shown} `);
      pty.send('\u0015');
    };
    await types('rekey env rot', 'rekey env rotate');
    await types('rekey env rotate pro', 'rekey env rotate production');
    await types('rekey env rotate production --at', 'rekey env rotate production --at-once');
    await types('kubectl-rekey stat', 'kubectl-rekey status');
    await types('kubectl-rekey plan x --output wi', 'kubectl-rekey plan x --output wide');
    // a file where a file may stand, and what was typed is not run
    await types('kubectl-rekey verify-audit rekey.y', 'kubectl-rekey verify-audit rekey.yaml');
    pty.send('kubectl-rekey status $(touch\\ ran)\t');
    pty.send('\u0015exit\n');
    await pty.ended();
    expect(execFileSync('ls', [folder]).toString()).not.toContain('ran');
  });
});

it('for kubectl asks the same program', () => {
  const { path } = project();
  const asked = execFileSync(join(dir, 'kubectl_complete-rekey'), ['rota'], { env: { PATH: path } }).toString();
  expect(asked).toBe('rotate\trequest a rotation now\n:4\n');
});
