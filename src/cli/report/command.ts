/** `report`: shows what happened in an ended rotation, for the terminal, as a page or for programs. */
import { writeFile } from 'node:fs/promises';
import { AUDIT_KEY, LEDGER_KEY, ledgerConfigMapName } from '../../rotation/audit/ledger-config-map.ts';
import { isMissing } from '../../rotation/people/errors.ts';
import type { Operations } from '../../rotation/people/operations.ts';
import { fileTrouble } from '../../rotation/people/text.ts';
import { machineText, printResult } from '../output.ts';
import { rekeyCommand } from '../pasted.ts';
import { CommandError, EXIT, type Exit, type Terminal } from '../terminal.ts';
import { configMapIn } from '../verify-audit.ts';
import { reportOf, type Source } from './model.ts';
import { reportPage } from './page.ts';
import { reportText } from './text.ts';

export interface ReportOptions {
  readonly output?: string;
  /** Number of the record. */
  readonly rotation?: number;
  /** The file for the report. */
  readonly to?: string;
}

const FORMATS = ['html', 'json', 'yaml'] as const;
type ReportFormat = (typeof FORMATS)[number];

/** Reports from the log beside the Secret of a resource. */
export async function reportOfResource(
  operations: Operations,
  terminal: Terminal,
  name: string,
  options: ReportOptions,
): Promise<Exit> {
  formatOf(options);
  if (name.includes('/')) {
    throw new CommandError(`${name}: this is no name of a JwtKeyRotation; for a file, use --file ${name}`, EXIT.usage);
  }
  const resource = await operations.get(name);
  const configMap = ledgerConfigMapName(resource.spec.secretName);
  const source = `ConfigMap ${operations.namespace}/${configMap}`;
  try {
    const { data } = await operations.configMap(configMap);
    return await makeReport({ ...sourceIn(source, data), resource }, terminal, options);
  } catch (error) {
    if (!isMissing(error)) throw error;
    const why = `there is none: no rotation has ended yet, or the operator may not write it: ${rekeyCommand('check', resource)}`;
    throw new CommandError(`${source}: ${why}`, EXIT.failed);
  }
}

/** Reports from a log that somebody has kept. */
export async function reportOfFile(path: string, terminal: Terminal, options: ReportOptions): Promise<Exit> {
  formatOf(options);
  const name = path === '-' ? 'standard input' : path;
  return makeReport(sourceIn(name, await configMapIn(path)), terminal, options);
}

function sourceIn(name: string, data: Readonly<Record<string, unknown>> = {}): Source {
  const { [AUDIT_KEY]: log, [LEDGER_KEY]: ledger } = data;
  if (typeof log !== 'string') throw new CommandError(`${name}: no rotation is recorded in it yet`, EXIT.failed);
  return { name, log, ...(typeof ledger === 'string' && { ledger }) };
}

/** @returns done; failed if the chain of the log is broken, but the report is made in any case */
async function makeReport(source: Source, terminal: Terminal, options: ReportOptions): Promise<Exit> {
  const format = formatOf(options);
  const made = reportOf(source, options.rotation, terminal.now());
  const machine = format === 'html' ? reportPage(made) : machineText(made, format);
  if (options.to === undefined) printResult(terminal, machine, reportText(made));
  else await writeNew(options.to, machine ?? reportText(made), terminal);
  if (made.chain.broken === undefined) return EXIT.done;
  terminal.printErr(`${source.name}: the chain of the log is broken, and the report says so\n`);
  return EXIT.failed;
}

/** Does not overwrite an existing file, which may be anything. */
async function writeNew(path: string, text: string, terminal: Terminal): Promise<void> {
  try {
    await writeFile(path, text, { flag: 'wx' });
  } catch (error) {
    const exists = (error as NodeJS.ErrnoException).code === 'EEXIST';
    const why = exists ? 'there is such a file already; remove it, or choose another name' : fileTrouble(error);
    throw new CommandError(`--to ${path}: ${why}`, EXIT.failed);
  }
  terminal.printErr(`written: ${path}\n`);
}

/** @throws CommandError usage for a format that a report does not have */
function formatOf({ output, to }: ReportOptions): ReportFormat | undefined {
  const known = FORMATS.find((format) => format === output);
  if (output !== undefined && known === undefined) {
    throw new CommandError(`-o ${output}: a report can be ${FORMATS.join(', ')}; without -o it is text`, EXIT.usage);
  }
  const ending = /\.(html|json|ya?ml)$/.exec(to ?? '')?.[1];
  return known ?? (ending === 'yml' ? 'yaml' : FORMATS.find((format) => format === ending));
}
