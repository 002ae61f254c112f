/** `rekey generate`: what reaches standard output, and what becomes of the file that it is appended to. */
import { chmodSync, existsSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseEnv as readByNode } from 'node:util';
import { describe, expect, it } from 'vitest';
import { addLocalCommands } from '../../../src/cli/local-commands.ts';
import { runProgram } from '../../../src/cli/program.ts';
import type { Terminal } from '../../../src/cli/terminal.ts';
import { folderOf, git, repositoryWith } from '../../support/env/folder.ts';

async function generate(...args: readonly string[]) {
  const said = { out: '', err: '' };
  const terminal: Terminal = {
    print: (text) => {
      said.out += text;
    },
    printErr: (text) => {
      said.err += text;
    },
    ...{ question: async () => '', clear: () => undefined, closed: () => false, interactive: false, now: () => 0 },
  };
  const exit = await runProgram('rekey', ['generate', ...args], terminal, addLocalCommands);
  return { exit, ...said };
}

const fileWith = (text: string) => {
  const file = join(folderOf(), '.env');
  writeFileSync(file, text, { mode: 0o600 });
  return file;
};

describe('rekey generate', () => {
  it.each([
    [[], /^JWT_SECRET_KEY=[0-9a-f]{64}\n$/],
    [['--format', 'env', '--name', 'X_1'], /^X_1=[0-9a-f]{64}\n$/],
    [['--format', 'quoted'], /^JWT_SECRET="[0-9a-f]{64}"\n$/],
    [['--format', 'raw', '--bytes', '64'], /^[0-9a-f]{128}\n$/],
    [['--format', 'json'], /^\{"JWT_SECRET_KEY":"[0-9a-f]{64}"\}\n$/],
  ])('prints one line and nothing else: %j', async (args, line) => {
    const { exit, out, err } = await generate(...args);
    expect([exit, err]).toEqual([0, '']);
    expect(out).toMatch(line);
  });

  it('makes another key each time', async () => {
    const keys = await Promise.all(Array.from({ length: 50 }, () => generate('--format', 'raw')));
    expect(new Set(keys.map(({ out }) => out)).size).toBe(50);
  });

  it.each([
    [['--bytes', '31'], /from 32 .*to 128/],
    [['--bytes', '129'], /from 32/],
    [['--bytes', '40.5'], /from 32/],
    [['--bytes', '0x40'], /from 32/],
    [['--name', '1X'], /letters, digits/],
    [['--name', 'A=B'], /letters, digits/],
    [['--format', 'yaml'], /env, quoted, raw, json/],
    [['--format', 'raw', '--name', 'X'], /the format raw has no name/],
    [['--format', 'json', '--to', 'x'], /not a line of a \.env file/],
    [['stray'], /too many arguments/],
  ])('refuses %j, and makes no key', async (args, message) => {
    const { exit, out, err } = await generate(...args);
    expect([exit, out]).toEqual([2, '']);
    expect(err).toMatch(message);
  });

  it('appends to a file that lacks the name, once, and leaves the rest as it was', async () => {
    const before = '\ufeffA=1\r\n# JWT_SECRET_KEY=old\r\nCLERK_SECRET_KEY=x';
    const file = fileWith(before);
    const first = await generate('--to', file);
    expect(first).toEqual({ exit: 0, out: '', err: `${file}: JWT_SECRET_KEY added\n` });
    const after = readFileSync(file, 'utf8');
    expect(after.startsWith(`${before}\r\nJWT_SECRET_KEY=`)).toBe(true);
    expect(readByNode(after).JWT_SECRET_KEY).toMatch(/^[0-9a-f]{64}$/);
    const second = await generate('--to', file);
    expect(second.exit).toBe(1);
    expect(second.err).toContain(`${file}, line 4: JWT_SECRET_KEY is already there; nothing was written`);
    expect(readFileSync(file, 'utf8')).toBe(after);
  });

  it('makes a file that only its owner may read', async () => {
    const file = join(folderOf(), '.env');
    expect((await generate('--format', 'quoted', '--to', file)).exit).toBe(0);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, 'utf8')).toMatch(/^JWT_SECRET="[0-9a-f]{64}"\n$/);
  });

  it('says why it cannot write to a file', async () => {
    const { exit, err } = await generate('--to', tmpdir());
    expect([exit, err]).toEqual([1, `${tmpdir()}: it is a folder\n`]);
    const utf16 = fileWith('');
    writeFileSync(utf16, Buffer.from('\ufeffA=1\n', 'utf16le'));
    const refused = await generate('--to', utf16);
    expect(refused.exit).toBe(1);
    expect(refused.err).toMatch(/UTF-16.*nothing was written/);
  });

  it('writes no key into a file that Git tracks or does not ignore, nor through a link to one', async () => {
    const root = repositoryWith({ '.gitignore': '.env*\n', 'tracked.env': 'A=1\n', 'secrets/prod.txt': 'A=1\n' });
    git(root, 'add', '-f', 'tracked.env', 'secrets/prod.txt');
    symlinkSync('secrets/prod.txt', join(root, '.env.link'));
    symlinkSync('nowhere', join(root, '.env.nowhere'));
    const of = async (name: string) => {
      const { exit, out, err } = await generate('--to', join(root, name));
      return { exit, out, err: err.replaceAll(`${root}/`, '') };
    };
    const tracked = await of('tracked.env');
    expect([tracked.exit, tracked.out]).toEqual([1, '']);
    expect(tracked.err).toContain(`tracked.env: Git tracks it. Run: git -C `);
    expect(tracked.err).toContain(`rm --cached tracked.env && echo tracked.env >> `);
    const link = await of('.env.link');
    expect(link.exit).toBe(1);
    expect(link.err).toMatch(/\.env\.link: Git tracks .*secrets\/prod\.txt, to which it leads\. Run: git -C /);
    expect((await of('new.env')).err).toMatch(/new\.env: Git does not ignore it\. Run: echo new\.env >> /);
    expect((await of('.env.nowhere')).err).toMatch(/leads nowhere/);
    expect(readFileSync(join(root, 'tracked.env'), 'utf8')).toBe('A=1\n');
    expect(readFileSync(join(root, 'secrets/prod.txt'), 'utf8')).toBe('A=1\n');
    expect(existsSync(join(root, 'new.env'))).toBe(false);
    expect((await of('.env')).exit).toBe(0);
  });

  it('says that others may read the file', async () => {
    const file = fileWith('A=1\n');
    chmodSync(file, 0o666);
    const { exit, err } = await generate('--to', file);
    expect([exit, err]).toEqual([
      0,
      `${file}: open to every user of this machine (mode 666). Run: chmod 600 ${file}\n${file}: JWT_SECRET_KEY added\n`,
    ]);
  });

  it.each([
    ['A=x\\', 'env'],
    ['A="x', 'env'],
    ["A='x", 'quoted'],
    ['# a comment \\', 'env'],
    ['not an assignment', 'env'],
  ])('refuses to add a line that not every program would read, behind %j', async (before, format) => {
    const file = fileWith(before);
    const { exit, err } = await generate('--format', format, '--to', file);
    expect(exit).toBe(1);
    expect(err).toMatch(/programs would read JWT_SECRET\w* differently: .*nothing was written/);
    expect(readFileSync(file, 'utf8')).toBe(before);
  });
});
