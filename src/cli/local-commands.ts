/**
 * The commands that need no cluster. Nothing that they load at the start knows one.
 */
import { addCompletion } from './completion.ts';
import { addEnvCommands } from './env/commands.ts';
import { addRotationCommands } from './env/rotation-commands.ts';
import { addGenerate } from './generate.ts';
import type { AddCommands } from './program.ts';

/** Adds them. */
export const addLocalCommands: AddCommands = (program, terminal, run) => {
  addGenerate(program, terminal, run);
  addCompletion(program, terminal);
  const width = process.stdout.isTTY ? process.stdout.columns : undefined;
  const context = { terminal, folder: process.cwd(), run };
  const env = addEnvCommands(program, { ...context, ...(width !== undefined && { width }) });
  addRotationCommands(env, context);
};
