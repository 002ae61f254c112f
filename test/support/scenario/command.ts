/** The command line as users run it: a process of its own, with a kubeconfig of somebody. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { COMPILED } from '../node/images.ts';

export interface Said {
  readonly code: number;
  /** Standard output. */
  readonly result: string;
  /** Standard error. */
  readonly told: string;
}

/** The program as it is in the sources. */
export const SOURCES = join(import.meta.dirname, '..', '..', '..', 'src', 'kubectl-rekey.ts');

/**
 * Nobody is there to answer a question.
 *
 * @param program the bundle, see ../cluster/programs.ts; the sources if absent
 * @param variables of its environment, beside ours
 * @param cwd where it runs; here if absent
 */
export function rekey(
  args: readonly string[],
  program = SOURCES,
  variables: Readonly<Record<string, string>> = {},
  cwd?: string,
  onTold: (text: string) => void = () => undefined,
): Promise<Said> {
  return new Promise((resolve) => {
    const env = { ...process.env, ...COMPILED, ...variables };
    const child = execFile(process.execPath, [program, ...args], { env, cwd }, (error, result, told) => {
      resolve({ code: error === null ? 0 : Number(error.code ?? -1), result, told });
    });
    child.stdin?.end();
    child.stderr?.on('data', (text: string) => onTold(text));
  });
}
