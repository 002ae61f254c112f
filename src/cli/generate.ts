/**
 * `generate`: a new key on one line, and nothing else on standard output.
 */
import { access, type FileHandle, open, readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { type EnvFile, parseEnv } from '../env/dotenv/parse.ts';
import { EnvError } from '../env/error.ts';
import { shellWord } from '../env/finding.ts';
import { refuseCommittedFile } from '../env/guard.ts';
import { openTo } from '../env/openness.ts';
import { fileTrouble } from '../rotation/people/text.ts';
import { generateKey, MIN_KEY_BYTES } from '../rotation/secret/keys.ts';
import type { Run } from './program.ts';
import { CommandError, EXIT, type Exit, type Terminal } from './terminal.ts';

const FORMATS = ['env', 'quoted', 'raw', 'json'] as const;
type KeyFormat = (typeof FORMATS)[number];

/** The line of a `.env` file, and that of a shell or a source file: each by the name that it usually has there. */
const USUAL_NAME = { env: 'JWT_SECRET_KEY', quoted: 'JWT_SECRET', json: 'JWT_SECRET_KEY' } as const;
/** More than any hash of HMAC uses as it is (RFC 2104 section 2). */
const MAX_KEY_BYTES = 128;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;

interface Options {
  readonly format: KeyFormat;
  readonly name?: string;
  readonly bytes: number;
  readonly to?: string;
}

/** Adds the command. */
export function addGenerate(program: Command, terminal: Terminal, run: Run): void {
  program
    .command('generate')
    .description('print a new random key for a .env file or a shell: one line, and nothing else on standard output')
    .addOption(new Option('--format <format>', 'output format').choices(FORMATS).default('env'))
    .option('--name <name>', 'name of the variable (default: JWT_SECRET_KEY; JWT_SECRET for quoted)', nameOf)
    .option('--bytes <number>', 'random bytes', bytesOf, MIN_KEY_BYTES)
    .option('--to <file>', 'append it to this file, unless the file already has the name')
    .action((options: Options) => run(() => generate(options, terminal)));
}

function nameOf(text: string): string {
  if (!NAME.test(text)) throw new InvalidArgumentError('Use letters, digits and _, and do not begin with a digit.');
  return text;
}

function bytesOf(text: string): number {
  const bytes = Number(text);
  if (/^[0-9]+$/.test(text) && bytes >= MIN_KEY_BYTES && bytes <= MAX_KEY_BYTES) return bytes;
  throw new InvalidArgumentError(
    `Write a number from ${MIN_KEY_BYTES} (HS256 needs that many: RFC 7518 section 3.2) to ${MAX_KEY_BYTES}.`,
  );
}

async function generate({ format, name, bytes, to }: Options, terminal: Terminal): Promise<Exit> {
  if (format === 'raw' && name !== undefined) throw new CommandError('--name: the format raw has no name', EXIT.usage);
  if (to === undefined) {
    terminal.print(line(format, name, bytes));
    return EXIT.done;
  }
  if (format === 'raw' || format === 'json') {
    throw new CommandError(`--to: ${format} is not a line of a .env file; use --format env or quoted`, EXIT.usage);
  }
  await append(to, name ?? USUAL_NAME[format], line(format, name, bytes), terminal);
  terminal.printErr(`${to}: ${name ?? USUAL_NAME[format]} added\n`);
  return EXIT.done;
}

function line(format: KeyFormat, name: string | undefined, bytes: number): string {
  using key = generateKey(bytes);
  const text = key.use((hex) => hex.toString('latin1'));
  switch (format) {
    case 'env':
      return `${name ?? USUAL_NAME.env}=${text}\n`;
    case 'quoted':
      return `${name ?? USUAL_NAME.quoted}="${text}"\n`;
    case 'json':
      return `${JSON.stringify({ [name ?? USUAL_NAME.json]: text })}\n`;
    case 'raw':
      return `${text}\n`;
  }
}

/**
 * A second value for a name would silently win over the first, or lose to it.
 *
 * @throws CommandError or EnvError with nothing written
 */
async function append(file: string, name: string, text: string, terminal: Terminal): Promise<void> {
  await access(dirname(resolve(file))).catch((error: unknown) => refuse(file, error));
  await refuseCommittedFile(file, process.cwd());
  const handle = await open(file, 'a+', 0o600).catch((error: unknown) => refuse(file, error));
  try {
    const before = await readFile(handle);
    const { assignments, eol, finalNewline } = parsed(before, file);
    const there = assignments.find((assignment) => assignment.name === name);
    if (there !== undefined) {
      before.fill(0);
      const message = `${file}, line ${there.line}: ${name} is already there; nothing was written. To change a key that services use, run rekey env rotate`;
      throw new CommandError(message, EXIT.failed);
    }
    const ended = before.length === 0 || finalNewline;
    const added = `${ended ? '' : eol}${text.replace('\n', eol)}`;
    refuseUnread(Buffer.concat([before, Buffer.from(added)]), file, name);
    before.fill(0);
    warnOfOthers(file, (await handle.stat()).mode & 0o777, terminal);
    await writeWhole(handle, added, before.length, file);
  } finally {
    await handle.close();
  }
}

function refuse(file: string, error: unknown): never {
  throw new CommandError(`${file}: ${fileTrouble(error)}`, EXIT.failed);
}

function parsed(bytes: Buffer, file: string): EnvFile {
  try {
    return parseEnv(bytes, file);
  } catch (error) {
    throw error instanceof EnvError ? new CommandError(`${error.message}; nothing was written`, EXIT.failed) : error;
  }
}

/** What stands before the new line, such as an open quote, may take it in. Overwrites the bytes. */
function refuseUnread(bytes: Buffer, file: string, name: string): void {
  const added = parsed(bytes, file).assignments.findLast((assignment) => assignment.name === name);
  const isRead = added?.value !== undefined;
  bytes.fill(0);
  if (isRead) return;
  const why = added?.ambiguous ?? 'something before it takes it in';
  const where = added === undefined ? file : `${file}, line ${added.line}`;
  const message = `${where}: programs would read ${name} differently: ${why}. Correct the file first; nothing was written`;
  throw new CommandError(message, EXIT.failed);
}

function warnOfOthers(file: string, mode: number, terminal: Terminal): void {
  const message = process.platform === 'win32' ? undefined : openTo(mode);
  if (message !== undefined) terminal.printErr(`${file}: ${message}. Run: chmod 600 ${shellWord(file)}\n`);
}

/** All of the line, or nothing of it. */
async function writeWhole(handle: FileHandle, text: string, size: number, file: string): Promise<void> {
  try {
    await handle.appendFile(text);
    await handle.sync();
  } catch (error) {
    await handle.truncate(size);
    throw new CommandError(`${file}: ${(error as NodeJS.ErrnoException).code}; nothing was written`, EXIT.failed);
  }
}
