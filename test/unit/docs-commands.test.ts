/**
 * Every command of every page: what is ours is checked against the real programs, and what no test can run says what it needs,
 * or which test runs it.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, it } from 'vitest';
import { runCommand } from '../../src/cli/cluster-commands.ts';
import { CommandError, EXIT } from '../../src/cli/terminal.ts';
import { type Block, blocksOf, type Command, inlineCommandsOf, pages, ROOT } from '../support/docs/blocks.ts';
import { bundled } from '../support/env/bundled.ts';
import { folderOf, freshKey } from '../support/env/folder.ts';

const run = promisify(execFile);
const blocks = pages().flatMap(blocksOf);
const makefile = readFileSync(join(ROOT, 'Makefile'), 'utf8');
const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')) as { readonly scripts: object };
const REACHED = 'the command line was right: it would connect now';
/** What acts on files of the folder where it runs. */
const LOCAL = ['completion', 'env', 'generate', 'readers', 'verify-audit'];
/** Of a service at a URL, and of keys made for it. */
const validatesHere = ([name, ...rest]: Command) =>
  name === 'validate-app' && rest.some((word) => word === '--made-keys' || word.startsWith('http'));

const program = await bundled('../../../src/rekey');

/** @returns the words after the name of our program; undefined if it is another program */
function ours(words: Command): Command | undefined {
  const [first, second, third] = words;
  if (first === 'rekey') return words.slice(1);
  if (first === 'kubectl' && second === 'rekey') return words.slice(2);
  return first === 'npx' && second === 'node' && third === 'src/kubectl-rekey.ts' ? words.slice(3) : undefined;
}

/** Whether it is ours, or of this repository. */
function judgeable(words: Command): boolean {
  const [first, second, third] = words;
  if (ours(words) !== undefined || first === 'make') return true;
  return (
    (first === 'npm' && second === 'run') ||
    (first === 'npx' && ['node', 'vitest'].includes(second ?? '') && third !== undefined)
  );
}

/** @returns why a command of this repository cannot be right */
function wrongHere([first, second, third, ...rest]: Command): string | undefined {
  if (first === 'make')
    return new RegExp(`^${second}:`, 'm').test(makefile) ? undefined : `there is no target ${second}`;
  if (first === 'npm') return third !== undefined && third in scripts ? undefined : `there is no script ${third}`;
  const files = [third ?? '', ...rest].filter((word) => /^(src|test|tools)\//.test(word));
  return files.map((file) => (existsSync(join(ROOT, file)) ? undefined : `there is no ${file}`)).find(Boolean);
}

/** Runs the real command line up to where it would connect. */
async function wrongWithCluster(args: Command): Promise<string | undefined> {
  const said: string[] = [];
  const say = (text: string) => void said.push(text);
  const terminal = { print: say, printErr: say, closed: () => true, clear: () => undefined, now: () => 0 };
  const connect = () => Promise.reject(new CommandError(REACHED, EXIT.failed));
  await runCommand(args, { terminal: { ...terminal, interactive: true, question: async () => undefined }, connect });
  return said.join('').includes(REACHED) ? undefined : said.join('').slice(0, 300);
}

/** Runs it in a folder of three services: anything but wrong usage will do. */
async function wrongWithFiles(args: Command): Promise<string | undefined> {
  const cwd = shopFolder();
  try {
    await run(process.execPath, [program, ...args], { cwd, env: { PATH: process.env.PATH, HOME: cwd } });
  } catch (error) {
    const { code, stderr } = error as { readonly code: number; readonly stderr: string };
    if (code === EXIT.usage || stderr.includes('internal error')) return stderr.slice(0, 300);
  }
  return undefined;
}

function shopFolder(): string {
  const key = freshKey();
  const files = ['main', 'autoscraper', 'admin'].map((name) => [`${name}/.env.production`, `JWT_SECRET_KEY=${key}\n`]);
  return folderOf({ ...Object.fromEntries(files), 'test.env': `JWT_SECRET_KEY=${freshKey()}\n` });
}

const where = ({ page, line }: Block) => `${page}:${line}`;

describe('the commands of the pages', () => {
  it('are found', () => {
    expect(blocks.length).toBeGreaterThan(40);
    expect(
      blocks.flatMap(({ commands }) => commands.filter((words) => ours(words) !== undefined)).length,
    ).toBeGreaterThan(40);
  });

  it('are ours, or say what they need or which test runs them', () => {
    const open = blocks.filter(({ commands, marker }) => marker === undefined && !commands.every(judgeable));
    expect(
      open.map((block) => `${where(block)}: ${block.commands.find((words) => !judgeable(words))?.join(' ')}`),
    ).toEqual([]);
  });

  it('are run by the test that is named, where one is named', () => {
    const named = blocks.flatMap((block) =>
      block.marker?.kind === 'run' ? [[block, block.marker.what] as const] : [],
    );
    expect(named.length).toBeGreaterThan(2);
    const wrong = named.filter(
      ([{ page }, test]) => !existsSync(join(ROOT, test)) || !readFileSync(join(ROOT, test), 'utf8').includes(page),
    );
    expect(wrong.map(([block, test]) => `${where(block)}: ${test}`)).toEqual([]);
  });

  it('name targets, scripts and files that are there', () => {
    const wrong = blocks.flatMap((block) =>
      block.commands
        .filter((words) => judgeable(words) && ours(words) === undefined)
        .flatMap((words) => wrongHere(words) ?? [])
        .map((why) => `${where(block)}: ${why}`),
    );
    expect(wrong).toEqual([]);
  });

  it('are understood by the command line as they stand', async () => {
    const wrong: string[] = [];
    for (const block of blocks) {
      for (const args of block.commands.flatMap((words) => [ours(words) ?? []])) {
        if (args.length === 0) continue;
        const local = (LOCAL.includes(args[0] ?? '') && args[1] !== 'apply') || validatesHere(args);
        const isFile =
          args[0] === 'report' && block.text.includes(`rekey ${args.join(' ')}`) && /\.json/.test(args[1] ?? '');
        // nobody is there to answer
        const said = args[1] === 'emergency' ? [...args, '--yes'] : args;
        const why = await (local || isFile ? wrongWithFiles(said) : wrongWithCluster(args));
        if (why !== undefined && !(isFile && why.includes('there is no such file')))
          wrong.push(`${where(block)}: ${args.join(' ')}: ${why}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('have names and flags that exist, in inline code too', async () => {
    const wrong: string[] = [];
    const helps = new Map<string, string>();
    for (const page of pages()) {
      for (const [, written] of inlineCommandsOf(page)) {
        // any of them
        const text = written.replace('env …', 'env rotate');
        const [, names = ''] = /^((?:env )?[a-z-]+)/.exec(text) ?? [];
        if (!helps.has(names)) helps.set(names, await helpOf(names.split(' ')));
        const help = helps.get(names) ?? '';
        const flags = text.match(/(?<= )--[a-z][a-z-]*/g) ?? [];
        const unknown = flags.filter((flag) => !help.includes(flag) && flag !== '--help');
        if (help === '' || unknown.length > 0) wrong.push(`${page}: ${text} ${unknown.join(' ')}`);
      }
    }
    expect(wrong).toEqual([]);
  });
});

/** @returns empty if there is no such command */
async function helpOf(names: readonly string[]): Promise<string> {
  const said: string[] = [];
  const say = (text: string) => void said.push(text);
  const terminal = { print: say, printErr: say, closed: () => true, clear: () => undefined, now: () => 0 };
  const connect = () => Promise.reject(new Error('not needed'));
  const environment = { terminal: { ...terminal, interactive: false, question: async () => undefined }, connect };
  await runCommand([...names, '--help'], environment);
  const [, usage = ''] = /Usage: (.*)/.exec(said.join('')) ?? [];
  return usage.includes(`kubectl rekey ${names.join(' ')}`) ? said.join('') : '';
}

describe('README.md', () => {
  it('has a first rotation of .env files that works as it stands', { timeout: 300_000 }, async () => {
    const block = blocks.find(({ page, text }) => page === 'README.md' && text.startsWith('rekey env status'));
    const folder = shopFolder();
    const bin = join(folder, 'bin');
    mkdirSync(bin);
    writeFileSync(join(bin, 'rekey'), `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`, {
      mode: 0o755,
    });
    const env = { PATH: `${bin}:${process.env.PATH}`, HOME: folder };
    const said: (readonly [number, string])[] = [];
    for (const line of block?.text.split('\n') ?? []) {
      // the page says so: the step before prints it with its version
      const [printed] = /--reloaded \d+/.exec(said.at(-1)?.[1] ?? '') ?? [];
      said.push(await shell(printed === undefined ? line : line.replace(/--reloaded \d+/, printed), folder, env));
      // what the page asks the reader to correct
      if (!line.startsWith('rekey env init')) continue;
      const file = join(folder, 'rekey.yaml');
      const config = readFileSync(file, 'utf8').replace(
        /^maxTokenTTL: .*/m,
        'maxTokenTTL: 1s\nclockSkew: 0s\nslack: 1s',
      );
      writeFileSync(file, config.replaceAll(/^( +)files:$/gm, '$1readsFallbacks: true\n$1files:'));
    }
    expect(said.map(([code]) => code)).toEqual([0, 0, 0, 0, 0]);
    // the page says so: after each restart
    for (let i = 0; i < 40 && !said.at(-1)?.[1].includes('Completed'); i += 1) {
      const version = /--reloaded (\d+)/.exec(said.at(-1)?.[1] ?? '')?.[1];
      const restarted = version === undefined ? '' : ` --reloaded ${version}`;
      said.push(await shell(`rekey env continue production${restarted}`, folder, env));
    }
    expect(said.at(-1)).toEqual([0, expect.stringContaining('production: Completed')]);
    const keys = ['main', 'autoscraper', 'admin'].map((name) =>
      readFileSync(join(folder, name, '.env.production'), 'utf8'),
    );
    expect(new Set(keys).size).toBe(1);
  });
});

async function shell(line: string, cwd: string, env: Record<string, string>): Promise<readonly [number, string]> {
  try {
    const { stdout, stderr } = await run('sh', ['-c', line], { cwd, env });
    return [0, stdout + stderr];
  } catch (error) {
    const { code, stdout, stderr } = error as {
      readonly code: number;
      readonly stdout: string;
      readonly stderr: string;
    };
    return [code, stdout + stderr];
  }
}
