/**
 * `readers`: who got a Secret from the API server, from the audit log of that server. Needs no cluster.
 */
import { createReadStream } from 'node:fs';
import { type Reader, type Readers, readersIn, type Wanted } from '../rotation/people/readers.ts';
import { fileTrouble } from '../rotation/people/text.ts';
import type { Format } from './formats.ts';
import { columns, machineText, printResult } from './output.ts';
import { CommandError, EXIT, type Exit, type Terminal } from './terminal.ts';

export interface ReadersOptions {
  readonly namespace?: string;
  readonly secret?: string;
  readonly output?: Format;
}

/**
 * @param path of the log; `-` for standard input
 * @returns failed if the log holds the content of Secrets, or could not be read to its end
 * @throws CommandError usage if it is no audit log
 */
export async function readers(path: string, terminal: Terminal, options: ReadersOptions): Promise<Exit> {
  const { namespace, secret: name, output } = options;
  const wanted: Wanted = { ...(namespace !== undefined && { namespace }), ...(name !== undefined && { name }) };
  const found = await read(path, wanted);
  if (found.events === 0)
    throw new CommandError(
      `${path === '-' ? 'standard input' : path}: no audit event in it; give a log of kube-apiserver (--audit-log-path), one JSON object a line`,
      EXIT.usage,
    );
  printResult(terminal, machineText(found, output), textOf(found.readers));
  for (const line of remarks(found)) terminal.printErr(`${line}\n`);
  return found.withContent > 0 || found.stopped !== undefined ? EXIT.failed : EXIT.done;
}

async function read(path: string, wanted: Wanted): Promise<Readers> {
  try {
    return await readersIn(path === '-' ? process.stdin : createReadStream(path), wanted);
  } catch (error) {
    throw new CommandError(`${path}: ${fileTrouble(error)}`, EXIT.usage);
  }
}

function textOf(found: readonly Reader[]): string {
  if (found.length === 0) return 'nobody asked for it in this log\n';
  const head = ['SECRET', 'WHO', 'HOW', 'GOT', 'REFUSED', 'FIRST', 'LAST', 'FROM'];
  const rows = found.map(({ secret, who, as, verb, times, refused, first, last, from }) => [
    ...[secret, as === undefined ? who : `${who} as ${as}`, verb, `${times}`, `${refused}`],
    ...[seconds(first), seconds(last), from.join(', ')],
  ]);
  return columns([head, ...rows]);
}

const seconds = (time: string): string => time.replace(/\.\d+Z$/, 'Z') || '–';

/** What the log cannot say stands beside what it says. */
function remarks({
  events,
  otherLines,
  withContent,
  begins,
  ends,
  readers: found,
  stopped,
}: Readers): readonly string[] {
  const isMany = found.some(({ verb }) => verb === 'list' || verb === 'watch');
  return [
    `${events} events from ${seconds(begins ?? '')} to ${seconds(ends ?? '')}; nothing is known of other times, and of what the policy does not log`,
    ...(isMany ? ['a list or watch may have asked for metadata only, as rekey does: the log does not say'] : []),
    ...(otherLines > 0 ? [`${otherLines} lines are no audit events`] : []),
    ...(stopped === undefined ? [] : [`not read to its end: ${stopped}`]),
    ...(withContent > 0
      ? [
          `${withContent} events hold the content of Secrets: this log is as secret as the keys. Log Secrets at level Metadata: docs/readers.md`,
        ]
      : []),
  ];
}
