/**
 * The commands that need no cluster. Nothing that they load at the start knows one.
 */
import { addGenerate } from './generate.ts';
import type { AddCommands } from './program.ts';

/** Adds them. */
export const addLocalCommands: AddCommands = (program, terminal, run) => {
  addGenerate(program, terminal, run);
};
