/**
 * The real readers of .env files. The npm ones and `sh` are always there; the others are used where they are installed, and
 * named where they are not.
 */
import { execFile } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseEnv as nodeParse, promisify } from 'node:util';
import dotenv from 'dotenv';
import { findOrBuild } from '../cluster/binary.ts';
import { debianLibraries, rubyProgram } from '../libraries/debian.ts';

/** What a reader takes from one file: values by their names; undefined if it refuses the file. */
export type Read = ReadonlyMap<string, Buffer> | undefined;

export interface Reader {
  readonly name: string;
  readonly version: string;
  /** @returns what it takes from each, in the same order */
  readonly read: (files: readonly Buffer[]) => Promise<readonly Read[]>;
}

export interface Missing {
  readonly name: string;
  readonly why: string;
}

const run = promisify(execFile);
const compose = {
  what: 'the parser of docker compose',
  ...{ source: join(import.meta.dirname, 'compose'), entry: '.', linkerFlags: '-s -w' },
};

/** @returns the readers of this machine, and those that it has not */
export async function findReaders(): Promise<{
  readonly found: readonly Reader[];
  readonly missing: readonly Missing[];
}> {
  const always = [npmDotenv('dotenv', {}), npmDotenv('dotenv, fast', { fast: true }), node, sh()];
  const optional = {
    'python-dotenv': pythonDotenv,
    'docker compose': dockerCompose,
    systemd,
    'Ruby dotenv': rubyDotenv,
  };
  const found: Reader[] = [...always];
  const missing: Missing[] = [];
  for (const [name, find] of Object.entries(optional)) {
    try {
      found.push(await find(name));
    } catch (error) {
      missing.push({ name, why: (error as Error).message.split('\n')[0] ?? '' });
    }
  }
  return { found, missing };
}

function npmDotenv(name: string, options: object): Reader {
  const manifest = new URL('package.json', import.meta.resolve('dotenv/package.json'));
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { readonly version: string };
  const parse = dotenv.parse as (src: Buffer, options: object) => Record<string, string>;
  return { name, version, read: async (files) => files.map((file) => fromText(parse(file, options))) };
}

const node: Reader = {
  name: 'Node',
  version: process.versions.node,
  read: async (files) => files.map((file) => fromText(nodeParse(file.toString()))),
};

function fromText(values: NodeJS.Dict<string>): Read {
  return new Map(Object.entries(values).map(([name, value]) => [name, Buffer.from(value ?? '')]));
}

/** What a shell exports that sources the file, without what it exports by itself. */
function sh(): Reader {
  const env = ['/usr/bin/env', '/bin/env'].find((path) => globSync(path).length > 0) ?? 'env';
  const script = `for file in "$1"/*; do (cd "$2" && set -a && . "$file" && exec ${env} -0) 2>/dev/null; printf '\\0=\\0'; done`;
  const read = (files: readonly Buffer[]) =>
    withFolder(files, async (folder) => {
      const elsewhere = mkdtempSync(join(tmpdir(), 'rekey-sh-'));
      try {
        const options = { env: { PATH: '' }, encoding: 'buffer', maxBuffer: 2 ** 28 } as const;
        const { stdout } = await run('/bin/sh', ['-c', script, 'sh', folder, elsewhere], options);
        // latin1, since bytes that are not UTF-8 must come through
        const parts = stdout.toString('latin1').split('\0=\0');
        return files.map((_, i) => fromEnvironment(parts[i] ?? ''));
      } finally {
        rmSync(elsewhere, { recursive: true });
      }
    });
  return { name: 'sh', version: versionOfSh(), read };
}

function fromEnvironment(text: string): Read {
  if (text === '') return undefined;
  const own = new Set(['PATH', 'PWD', 'OLDPWD', 'SHLVL', '_', 'OPTIND', 'PPID', 'IFS', 'PS1', 'PS2', 'PS4', 'HOME']);
  const entries = text.split('\0').filter((entry) => entry.includes('='));
  const pairs = entries.map(
    (entry) => [entry.slice(0, entry.indexOf('=')), entry.slice(entry.indexOf('=') + 1)] as const,
  );
  return new Map(pairs.filter(([name]) => !own.has(name)).map(([name, value]) => [name, Buffer.from(value, 'latin1')]));
}

/** Which shell it is. */
const versionOfSh = (): string => basename(realpathSync('/bin/sh'));

async function pythonDotenv(name: string): Promise<Reader> {
  const code = 'import importlib.metadata as m, dotenv, sys; print(m.version("python-dotenv"), sys.executable)';
  const python = await firstOf(['python3', '/usr/bin/python3'], (each) => run(each, ['-c', code]));
  const { stdout } = await run(python, ['-c', code]);
  // not the name that was found: that may be a script that looks for Python first
  const [version = '', program = ''] = stdout.trim().split(' ');
  return { name, version, read: byProgram([program, join(import.meta.dirname, 'python_dotenv.py')]) };
}

async function rubyDotenv(name: string): Promise<Reader> {
  const [program, libraries] = [await rubyProgram(), await debianLibraries(['ruby-dotenv'])];
  if (program === undefined || libraries === undefined) throw new Error('there is no Ruby, or no dotenv for it');
  const [gem = ''] = globSync(join(libraries.root, 'usr/share/rubygems-integration/all/gems/dotenv-*/lib'));
  const command = [program, '-I', gem] as const;
  const version = 'require "dotenv"; require "dotenv/version"; print Dotenv::VERSION';
  const { stdout } = await run(program, ['-I', gem, '-e', version]);
  return { name, version: stdout, read: byProgram([...command, join(import.meta.dirname, 'ruby_dotenv.rb')]) };
}

async function dockerCompose(name: string): Promise<Reader> {
  const program = await findOrBuild('compose-dotenv', compose, () => undefined);
  const gomod = readFileSync(join(compose.source, 'go.mod'), 'utf8');
  const version = /compose-go\/v2 v(\S+)/.exec(gomod)?.[1] ?? '';
  return { name, version, read: byProgram([program]) };
}

async function systemd(name: string): Promise<Reader> {
  const [library] = globSync(['/usr/lib/*/systemd/libsystemd-shared-*.so', '/usr/lib/systemd/libsystemd-shared-*.so']);
  if (library === undefined) throw new Error('there is no libsystemd-shared');
  const python = await firstOf(['python3', '/usr/bin/python3'], (each) => run(each, ['-c', 'import ctypes']));
  const version = /shared-(.+)\.so$/.exec(library)?.[1] ?? '';
  return { name, version, read: byProgram([python, join(import.meta.dirname, 'systemd.py')], [library]) };
}

async function firstOf(programs: readonly string[], attempt: (program: string) => Promise<unknown>): Promise<string> {
  let last: unknown;
  for (const program of programs) {
    try {
      await attempt(program);
      return program;
    } catch (error) {
      last = error;
    }
  }
  throw last;
}

/** @param command prints a line of JSON for each file of the folder that is its first argument */
function byProgram([program = '', ...args]: readonly string[], more: readonly string[] = []): Reader['read'] {
  return (files) =>
    withFolder(files, async (folder) => {
      const env = { PATH: process.env.PATH, HOME: process.env.HOME };
      const { stdout } = await run(program, [...args, folder, ...more], { env, maxBuffer: 2 ** 28 });
      const lines = stdout.trimEnd().split('\n');
      if (lines.length !== files.length) throw new Error(`${program}: ${lines.length} lines for ${files.length} files`);
      return lines.map((line) => fromBase64(JSON.parse(line) as Readonly<Record<string, string>> | null));
    });
}

function fromBase64(values: Readonly<Record<string, string>> | null): Read {
  if (values === null) return undefined;
  return new Map(Object.entries(values).map(([name, value]) => [name, Buffer.from(value, 'base64')]));
}

async function withFolder<T>(files: readonly Buffer[], use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'rekey-env-'));
  try {
    for (const [i, file] of files.entries()) writeFileSync(join(folder, String(i).padStart(6, '0')), file);
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
