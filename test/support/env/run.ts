/** `rekey env` in this process, for tests: as one that nobody can answer. */
import { addEnvCommands } from '../../../src/cli/env/commands.ts';
import { addRotationCommands } from '../../../src/cli/env/rotation-commands.ts';
import { runProgram } from '../../../src/cli/program.ts';
import type { Terminal } from '../../../src/cli/terminal.ts';

/** The time for status and check. */
export const NOW = Date.parse('2026-11-29T12:00:00Z');

/**
 * @param args with one space between them
 * @param width of the screen
 * @returns the exit status and what was written
 */
export async function run(folder: string, args: string, width?: number) {
  const written = { out: '', said: '' };
  const terminal: Terminal = {
    print: (text) => {
      written.out += text;
    },
    printErr: (text) => {
      written.said += text;
    },
    ...{ question: async () => '', clear: () => undefined, closed: () => false, interactive: false, now: () => NOW },
  };
  const exit = await runProgram('rekey', ['env', ...args.split(' ')], terminal, (program, guarded, runs) => {
    const env = addEnvCommands(program, {
      terminal: guarded,
      folder,
      run: runs,
      ...(width !== undefined && { width }),
    });
    addRotationCommands(env, { terminal: guarded, folder, run: runs });
  });
  return { exit, ...written };
}
