/**
 * Asks a service of one process, with the preload and without, and says where it answers otherwise than it should.
 */
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { CLAIMS, KEY_TEXTS, QUESTIONS, SERVICE_ENV } from './questions.ts';

const repoRoot = join(import.meta.dirname, '..', '..', '..');
/** Where the preloads are. */
export const PRELOAD = join(repoRoot, 'keyring', 'preload');
/** The services in Node, a file for each library. */
export const NODE_SERVICES = join(import.meta.dirname, 'node');

export type Env = Readonly<Record<string, string>>;

interface Answered {
  /** For each form of a key, an answer for each question. */
  readonly answers: Readonly<Record<string, readonly string[]>>;
  /** A token of {@link CLAIMS}; absent where the library signs none. */
  readonly signed?: string;
}

export interface Finished {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number | null;
}

/** Runs a program to its end. @param env all that it gets beside PATH */
export function runToEnd(command: readonly [string, ...string[]], env: Env, input = ''): Promise<Finished> {
  const [program, ...args] = command;
  const options = { cwd: NODE_SERVICES, env: { PATH: process.env.PATH ?? '', ...env } };
  const child = spawn(program, args, options);
  const [out, err]: [string[], string[]] = [[], []];
  child.stdout.setEncoding('utf8').on('data', (text: string) => out.push(text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => err.push(text));
  child.stdin.on('error', () => {}).end(input);
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve({ stdout: out.join(''), stderr: err.join(''), code }));
  });
}

/** @returns the file of a preload with one of its lines changed, in a folder of its own */
export function changedPreload(name: string, line: string, changed: string): string {
  const text = readFileSync(join(PRELOAD, name), 'utf8');
  if (text.split(line).length !== 2) throw new Error(`${name} does not have this once: ${line}`);
  const file = join(mkdtempSync(join(tmpdir(), 'rekey-preload-')), basename(name));
  writeFileSync(
    file,
    text.replace(line, () => changed),
  );
  return file;
}

/**
 * @param command of a service that answers the questions of its standard input
 * @param env what loads the preload, if it does
 * @returns what is wrong: an answer, a signature, a key in an output
 */
export async function wrongAnswers(
  command: readonly [string, ...string[]],
  env: Env,
  preload: 'with' | 'without',
): Promise<readonly string[]> {
  const input = JSON.stringify({ questions: QUESTIONS, claims: CLAIMS });
  const { stdout, stderr, code } = await runToEnd(command, { ...SERVICE_ENV, ...env }, input);
  if (code !== 0 || stderr !== '') return [`exit ${code}: ${stderr}`];
  const { answers, signed } = JSON.parse(stdout) as Answered;
  const wrong = Object.entries(answers).flatMap(([form, given]) =>
    QUESTIONS.filter((question, i) => given[i] !== question[preload]).map(({ name }) => `${form}: ${name}`),
  );
  return [
    ...wrong,
    ...(signed === undefined || isOfCurrentKey(signed) ? [] : ['signs with another key']),
    ...(KEY_TEXTS.some((text) => stdout.includes(text)) ? ['a key in the output'] : []),
  ];
}

function isOfCurrentKey(token: string): boolean {
  const [header = '', payload = '', signature] = token.split('.');
  const mac = createHmac('sha256', SERVICE_ENV.JWT_SECRET_KEY).update(`${header}.${payload}`).digest('base64url');
  return mac === signature;
}
