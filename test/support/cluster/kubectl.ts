import { execFile } from 'node:child_process';
import type { Command } from './processes.ts';

/** What a kubectl run gave. */
export interface KubectlResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

/**
 * Runs kubectl; a failed command is a result, not an error.
 * @param kubectl the program and its first arguments, such as --kubeconfig
 * @param input the standard input, for `-f -`
 * @throws Error when the program cannot be run or is killed
 */
export function runKubectl(kubectl: Command, args: readonly string[], input = ''): Promise<KubectlResult> {
  const [program, ...first] = kubectl;
  return new Promise((resolve, reject) => {
    const options = { maxBuffer: 2 ** 26, env: { ...process.env, GOGC: 'off' } };
    const child = execFile(program, [...first, ...args], options, (error, stdout, stderr) => {
      if (error !== null && typeof error.code !== 'number') reject(error);
      else resolve({ stdout, stderr, code: error === null ? 0 : Number(error.code) });
    });
    // A command that does not read its input closes it: no error of ours.
    child.stdin?.on('error', () => {}).end(input);
  });
}
