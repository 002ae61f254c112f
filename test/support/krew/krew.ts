/** krew as a program, for the test of its manifest: built once from its Go module. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findOrBuild } from '../cluster/binary.ts';

const run = promisify(execFile);

export interface Krew {
  /** Where it links what it installs: for the PATH. */
  readonly bin: string;
  /**
   * @returns what it printed, on both streams
   * @throws Error when it fails, with what it said
   */
  readonly krew: (args: readonly string[], env?: Readonly<Record<string, string>>) => Promise<string>;
}

/**
 * @param root an empty folder: krew keeps everything there
 * @throws Error when Go is missing or too old
 */
export async function krewIn(root: string): Promise<Krew> {
  const program = await findOrBuild(
    'krew',
    { what: 'krew', source: import.meta.dirname, entry: 'sigs.k8s.io/krew/cmd/krew', linkerFlags: '-s -w' },
    (line) => process.stderr.write(`${line}\n`),
  );
  // as it is after `krew update`, without a plugin in it: some commands ask whether it is there
  await run('git', ['init', '--quiet', join(root, 'index', 'default')]);
  const bin = join(root, 'bin');
  return {
    bin,
    krew: async (args, env = {}) => {
      const own = { PATH: `${bin}:${process.env.PATH}`, HOME: root, KREW_ROOT: root, KREW_NO_UPGRADE_CHECK: '1' };
      const { stdout, stderr } = await run(program, args, { env: { ...own, ...env } });
      return stdout + stderr;
    },
  };
}
