/**
 * `report` in both programs: with a cluster it takes a name, without one a file. The code that makes the report is
 * loaded on demand.
 */
import { type Command, InvalidArgumentError, Option } from 'commander';
import type { Operations } from '../../rotation/people/operations.ts';
import type { AddCommands, Run } from '../program.ts';
import { CommandError, EXIT, type Terminal } from '../terminal.ts';
import { typedName } from '../typed-name.ts';
import type { ReportOptions } from './command.ts';

const WHAT = 'what happened in a rotation that has ended: phases, services, pods, keys';
const FILE = 'a saved audit log: its ConfigMap as JSON or YAML; - for standard input';

/** Adds `report` for a cluster or a file. */
export function addReport<Options>(
  program: Command,
  terminal: Terminal,
  connect: (options: Options) => Operations | Promise<Operations>,
  run: Run,
): void {
  const command = program.command('report [name]').description(WHAT).option('-f, --file <file>', `instead: ${FILE}`);
  withReportOptions(command).action(async (name: string | undefined, _: unknown, self: Command) => {
    const options = self.optsWithGlobals<ReportOptions & Options & { readonly file?: string }>();
    const { file } = options;
    await run(async () => {
      if ((name === undefined) === (file === undefined)) throw new CommandError('give a name, or --file', EXIT.usage);
      const { reportOfFile, reportOfResource } = await import('./command.ts');
      if (file !== undefined) return reportOfFile(file, terminal, options);
      if (!name) throw new CommandError('a name must not be empty', EXIT.usage);
      return reportOfResource(await connect(options), terminal, typedName(name), options);
    });
  });
}

/** Adds `report` without a cluster. */
export const addReportOfFile: AddCommands = (program, terminal, run) => {
  const command = program.command('report <file>').description(`${WHAT}, from ${FILE}`);
  withReportOptions(command).action(async (file: string, _: unknown, self: Command) => {
    const { reportOfFile } = await import('./command.ts');
    await run(() => reportOfFile(file, terminal, self.optsWithGlobals<ReportOptions>()));
  });
};

function withReportOptions(command: Command): Command {
  return command
    .addOption(new Option('--rotation <number>', 'number of the record (default: the last)').argParser(numberIn))
    .option('--to <file>', 'write the report to this new file; .html, .json or .yaml also sets the format')
    .addHelpText('after', '\nFormats: -o html, json or yaml; without -o, text for the terminal');
}

function numberIn(text: string): number {
  if (!/^[1-9][0-9]{0,9}$/.test(text)) throw new InvalidArgumentError('Write the number of a record, such as 3.');
  return Number(text);
}
