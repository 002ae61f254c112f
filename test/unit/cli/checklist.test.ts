/** docs/checklist.md: each command is one, with these flags; those that need no cluster are run. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { runCommand } from '../../../src/cli/cluster-commands.ts';
import type { Terminal } from '../../../src/cli/terminal.ts';
import { parseEnv } from '../../../src/env/dotenv/parse.ts';
import { SERVICES, startService } from '../../support/traffic/service-process.ts';

const root = resolve(import.meta.dirname, '../../..');
const page = readFileSync(join(root, 'docs/checklist.md'), 'utf8');
/** The middle cell of each row. */
const commands = page
  .split('\n')
  .flatMap((line) => /^\| .*? \| `(.+?)` \| .* \|$/.exec(line)?.[1] ?? [])
  .map((command) => command.replaceAll('\\|', '|'));

async function help(args: readonly string[]) {
  let text = '';
  const say = (more: string) => {
    text += more;
  };
  const terminal: Terminal = {
    ...{ print: say, printErr: say, question: async () => '', clear: () => undefined, closed: () => false },
    ...{ interactive: false, now: Date.now },
  };
  const connect = () => {
    throw new Error('help connects to nothing');
  };
  const exit = await runCommand([...args, '--help'], { terminal, connect });
  return { exit, text };
}

describe('the checklist', () => {
  it('has a command in every row', () => {
    const rows = page.split('\n').filter((line) => line.startsWith('| ') && !/^\| (Check|-----) /.test(line));
    expect(rows.length).toBeGreaterThan(15);
    expect(commands).toHaveLength(rows.length);
  });

  const ours = commands.flatMap((command) => /(?:^|\| )((?:kubectl )?rekey .*)$/.exec(command)?.[1] ?? []);
  it.each([...new Set(ours)])('names a command that there is, with its flags: %s', async (command) => {
    const words = command.replace(/^(kubectl )?rekey /, '').split(' ');
    const name = words[0] === 'env' ? words.slice(0, 2) : words.slice(0, 1);
    const { exit, text } = await help(name);
    expect(exit).toBe(0);
    expect(text).toContain(`rekey ${name.join(' ')}`);
    const flags = words.filter((word) => /^--?[a-z]/.test(word)).map((word) => word.replace(/=.*/, ''));
    for (const flag of flags) expect(text).toMatch(new RegExp(`(^|[ ,])${flag}([ ,=]|$)`, 'm'));
  });
});

describe('those that need no cluster', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rekey-checklist-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  const run = (command: string) =>
    new Promise<{ code: number; out: string }>((done) => {
      const [, ...args] = command.split(' ');
      const program = join(root, 'src/rekey.ts');
      execFile(process.execPath, [program, ...args], { cwd: folder }, (error, out, told) => {
        done({ code: error === null ? 0 : Number(error.code), out: `${out}${told}` });
      });
    });

  it('are run as they are written, one after the other', async () => {
    const local = commands.filter((command) => command.startsWith('rekey '));
    const [make = '', ask = '', ...env] = local;
    expect(env).toEqual(['rekey env check', 'rekey env check --staged']);
    const made = await run(make);
    expect(made).toMatchObject({ code: 0, out: expect.stringContaining('Start a test instance') });

    const { assignments } = parseEnv(readFileSync(join(folder, 'test.env')));
    const keys = Object.fromEntries(assignments.map(({ name, value }) => [name, value?.toString() ?? '']));
    await using service = await startService(SERVICES.node, keys);
    const asked = await run(ask.replace('http://127.0.0.1:8000', service.url));
    expect(asked).toMatchObject({ code: 0, out: expect.stringContaining('FIT: all') });

    rmSync(join(folder, 'test.env'));
    mkdirSync(join(folder, 'main'));
    const line = `JWT_SECRET_KEY=${keys.JWT_SECRET_KEY}\n`;
    writeFileSync(join(folder, 'main', '.env.production'), line, { mode: 0o600 });
    await new Promise((done) => execFile('git', ['init', '-q', folder], done));
    writeFileSync(join(folder, '.gitignore'), '.env*\n');
    for (const command of env) expect(await run(command)).toMatchObject({ code: 0 });
  });
});
