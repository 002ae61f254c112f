/**
 * The commands for .env files. They need no cluster and no network, and ask nothing.
 */

import type { Command } from 'commander';
import type { Format } from '../formats.ts';
import type { Run } from '../program.ts';
import type { Terminal } from '../terminal.ts';

export interface EnvContext {
  readonly terminal: Pick<Terminal, 'print' | 'printErr' | 'now'>;
  /** Where the command runs, absolute. */
  readonly folder: string;
  /** Columns of the screen; undefined where nobody looks, such as in a pipe. */
  readonly width?: number;
  readonly run: Run;
}

export interface EnvOutput {
  readonly output?: Format;
}

/** @returns the command `env`, for further commands */
export function addEnvCommands(program: Command, context: EnvContext): Command {
  const { run } = context;
  const env = program.command('env').description('JWT keys in .env files: services that share a key without a cluster');
  env
    .command('status [environment]')
    .description('which key each service has in each environment, how old it is, and what is off')
    .action(async (environment: string | undefined, _: unknown, self: Command) => {
      const { status } = await import('./status.ts');
      await run(() => status(context, environment, self.optsWithGlobals<EnvOutput>()));
    });
  env
    .command('init')
    .description('write rekey.yaml from the .env files that are found')
    .option('--force', 'overwrite rekey.yaml')
    .action(async (options: { readonly force?: true }) => {
      const { init } = await import('./init.ts');
      await run(() => init(context, options));
    });
  env
    .command('check [environment]')
    .description('for CI and hooks: exit status 1 if anything is off with the keys, or with what is staged in Git')
    .option('--staged', 'look for keys in what the next commit would hold')
    .action(async (environment: string | undefined, _: unknown, self: Command) => {
      const options = self.optsWithGlobals<EnvOutput & { readonly staged?: true }>();
      const { check, checkStage } = await import('./check.ts');
      await run(() =>
        options.staged ? checkStage(context, environment, options) : check(context, environment, options),
      );
    });
  return env;
}
