/**
 * Helm as a program, for the tests of the chart: built once from its Go module.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findOrBuild } from '../cluster/binary.ts';
import { OPERATOR_NAMESPACE } from '../scenario/install.ts';

const run = promisify(execFile);

/** The chart of this repository. */
export const CHART = join(import.meta.dirname, '..', '..', '..', 'deploy', 'chart');

/** Name, chart and namespace, as `helm` takes them. */
export const RELEASE = ['rekey', CHART, '--namespace', OPERATOR_NAMESPACE] as const;

/** @returns the flags that set values, each by its path */
export const set = (values: object): readonly string[] =>
  Object.entries(values).flatMap(([name, value]) => ['--set-json', `${name}=${JSON.stringify(value)}`]);

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export type Helm = (...args: readonly string[]) => Promise<Finished>;

/**
 * @param home an empty folder: Helm keeps its caches there
 * @returns Helm against the cluster of a kubeconfig, if one is given
 * @throws Error when Go is missing or too old
 */
export async function helmFor(home: string, kubeconfig?: string): Promise<Helm> {
  const program = await findOrBuild(
    'helm',
    { what: 'Helm', source: import.meta.dirname, entry: 'helm.sh/helm/v4/cmd/helm', linkerFlags: '-s -w' },
    (line) => process.stderr.write(`${line}\n`),
  );
  const env = { PATH: process.env.PATH, HOME: home, ...(kubeconfig !== undefined && { KUBECONFIG: kubeconfig }) };
  return async (...args) => {
    try {
      return { code: 0, ...(await run(program, args, { env, maxBuffer: 2 ** 26 })) };
    } catch (error) {
      const { code, stdout, stderr } = error as { code?: number; stdout?: string; stderr?: string };
      if (typeof code !== 'number') throw error;
      return { code, stdout: stdout ?? '', stderr: stderr ?? '' };
    }
  };
}
