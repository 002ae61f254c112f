import type { Terminal } from '../../../src/cli/terminal.ts';

/** A terminal that nobody answers at, for commands that only print. What is printed is collected in `said`. */
export function listener() {
  const said = { out: '', err: '' };
  const terminal = {
    print: (text: string) => {
      said.out += text;
    },
    printErr: (text: string) => {
      said.err += text;
    },
  } as unknown as Terminal;
  return { said, terminal };
}
