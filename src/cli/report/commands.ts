/**
 * `report` in both programs: with a cluster it takes a name, without one a file.
 */
import type { Command } from 'commander';
import type { Operations } from '../../rotation/people/operations.ts';
import type { AddCommands, Run } from '../program.ts';
import { CommandError, EXIT, type Terminal } from '../terminal.ts';
import { type ReportOptions, reportOfFile, reportOfResource, withReportOptions } from './command.ts';

const WHAT = 'what happened in a rotation that has ended: phases, services, pods, keys';
const FILE = 'a saved audit log: its ConfigMap as JSON; - for standard input';

/** With a cluster, or a file. */
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
      if (file !== undefined) return reportOfFile(file, terminal, options);
      if (!name) throw new CommandError('a name must not be empty', EXIT.usage);
      return reportOfResource(await connect(options), terminal, name, options);
    });
  });
}

/** Without a cluster. */
export const addReportOfFile: AddCommands = (program, terminal, run) => {
  const command = program.command('report <file>').description(`${WHAT}, from ${FILE}`);
  withReportOptions(command).action(async (file: string, _: unknown, self: Command) => {
    await run(() => reportOfFile(file, terminal, self.optsWithGlobals<ReportOptions>()));
  });
};
