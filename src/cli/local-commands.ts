/**
 * The commands that need no cluster. Nothing that they load at the start knows one.
 */
import type { Command } from 'commander';
import { addCompletion } from './completion.ts';
import { addEnvCommands } from './env/commands.ts';
import { addRotationCommands } from './env/rotation-commands.ts';
import { addGenerate } from './generate.ts';
import type { Run } from './program.ts';
import type { Terminal } from './terminal.ts';
import { addValidateApp, type Cluster } from './validate-app/command.ts';

/** Adds them. @param cluster for those that may use one; undefined where there is no client */
export function addLocalCommands(program: Command, terminal: Terminal, run: Run, cluster?: Cluster): void {
  addGenerate(program, terminal, run);
  addValidateApp(program, terminal, run, cluster);
  addCompletion(program, terminal);
  const width = process.stdout.isTTY ? process.stdout.columns : undefined;
  const context = { terminal, folder: process.cwd(), run };
  const env = addEnvCommands(program, { ...context, ...(width !== undefined && { width }) });
  addRotationCommands(env, context);
}
