/**
 * `verify-audit`: whether an audit log is as it was written.
 */
import { type Verdict, verifyLog } from '../rotation/audit/audit-log.ts';
import { AUDIT_KEY } from '../rotation/audit/ledger-config-map.ts';
import { fileTrouble, oneLine } from '../rotation/people/text.ts';
import { readInput } from './read-input.ts';
import { CommandError, EXIT, type Exit, type Terminal } from './terminal.ts';

const USAGE = 'usage: kubectl get configmap NAME -o yaml | kubectl rekey verify-audit -\n';
/** A ConfigMap has a megabyte; written as JSON, each character of it may be six. In YAML no less. */
const MAX_BYTES = 8 * 1024 * 1024;
/** A part of what is printed about a record that somebody has changed. */
const MAX_TOLD = 512;

/**
 * @param path of a ConfigMap as JSON or YAML; `-` for standard input
 * @returns its data, of which nothing is known but that it is there
 * @throws CommandError usage if there is none to look at
 */
export async function configMapIn(path: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    const text = await textOf(path);
    await logIn(text);
    return ((await parsed(text)) as { readonly data: Readonly<Record<string, unknown>> }).data;
  } catch (error) {
    if (!(error instanceof NoLog)) throw error;
    throw new CommandError(`${path === '-' ? 'standard input' : path}: ${error.message}`, EXIT.usage);
  }
}

/** No log to look at. */
class NoLog extends Error {}

/**
 * @param path of a ConfigMap as JSON or YAML; `-` for standard input
 * @returns done if the chain is whole, failed if it is not, usage if there is none to look at
 */
export async function verifyAudit(path: string, terminal: Pick<Terminal, 'print' | 'printErr'>): Promise<Exit> {
  try {
    const verdict = verifyLog(await logIn(await textOf(path)));
    terminal.print(`${verdictText(verdict)}\n`);
    return verdict.broken === undefined ? EXIT.done : EXIT.failed;
  } catch (error) {
    if (!(error instanceof NoLog)) throw error;
    terminal.printErr(`${path === '-' ? 'standard input' : path}: ${error.message}. ${USAGE}`);
    return EXIT.usage;
  }
}

async function textOf(path: string): Promise<string> {
  const bytes = await bytesOf(path);
  if (bytes.length > MAX_BYTES) throw new NoLog(`it is longer than ${MAX_BYTES} bytes, so it is not a ConfigMap`);
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new NoLog('it is not UTF-8');
  }
}

async function bytesOf(path: string): Promise<Buffer> {
  try {
    return await readInput(path, MAX_BYTES);
  } catch (error) {
    throw new NoLog(fileTrouble(error));
  }
}

async function logIn(text: string): Promise<string> {
  if (text.trim() === '') throw new NoLog('it is empty');
  const object = (await parsed(text)) as { readonly data?: Readonly<Record<string, unknown>> } | null;
  const log = object?.data?.[AUDIT_KEY];
  if (typeof log !== 'string') throw new NoLog(`it has no data key ${AUDIT_KEY}`);
  return log;
}

/** By its first character: JSON is YAML too, but a parser of YAML says less well what is wrong with it. */
async function parsed(text: string): Promise<unknown> {
  try {
    if (/^\s*[[{]/.test(text)) return JSON.parse(text);
    const { load } = await import('js-yaml');
    return load(text);
  } catch {
    // the parser's own message quotes the text
    throw new NoLog('it is neither JSON nor YAML, or its end is missing');
  }
}

/** No more than is known: what has left at the end is not missed by the chain. */
function verdictText({ records, first, last, head, broken }: Verdict): string {
  if (broken !== undefined) return `BROKEN: ${oneLine(broken).slice(0, MAX_TOLD)}`;
  if (records === 0) return 'no records';
  return `records ${first} to ${last}, each unchanged and after the one before it; the last has the hash ${head}`;
}
