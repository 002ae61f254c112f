/** The folder of a service is a mount within the repository: Git tracks its file all the same. `rekey` runs as a process. */
import { spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { expect, it } from 'vitest';
import { rekeyForFile, run, twoServices } from '../../support/env/pair.ts';

const rekey = rekeyForFile();
const namespace = process.geteuid?.() === 0 ? ['-m'] : ['-r', '-m'];
const canMount = spawnSync('unshare', [...namespace, 'mount', '-t', 'tmpfs', 'rekey-test', tmpdir()]).status === 0;
if (!canMount)
  console.warn('SKIPPED: a mount in a repository: this user cannot mount in a namespace of its own (unshare -rm)');

it.runIf(canMount)(
  'no key is written into a tracked file on a mount within the repository',
  { timeout: 60_000 },
  async () => {
    const folder = twoServices();
    const script = `
    cp admin/.env.production saved && mount -t tmpfs rekey-test admin && mv saved admin/.env.production || exit 9
    git add -f admin/.env.production || exit 9
    "$1" "$2" env rotate production; echo "exit $?"; grep -c = admin/.env.production`;
    const command = [...namespace, 'sh', '-c', script, 'sh', process.execPath, rekey.path];
    const { out, err } = await run(folder, 'unshare', ...command);
    expect([err, out]).toEqual([expect.stringContaining('admin/.env.production: Git tracks it'), 'exit 1\n1\n']);
  },
);
