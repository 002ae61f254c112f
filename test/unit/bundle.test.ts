/** The one file that goes into the image, and the one that people put on their PATH. */
import { execFile } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, expect, it } from 'vitest';
import { HELP } from '../../src/flags.ts';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');
const dir = mkdtempSync(join(tmpdir(), 'rekey-bundle-'));

beforeAll(() => run(process.execPath, ['tools/bundle.ts', dir], { cwd: root }));

it('is built and starts without node_modules, and says what is wrong with a flag', async () => {
  const outfile = join(dir, 'rekey.mjs');
  const { stdout } = await run(process.execPath, [outfile, '--help'], { cwd: dir });
  expect(stdout).toBe(HELP);
  await expect(run(process.execPath, [outfile, '--listen', 'here'], { cwd: dir })).rejects.toMatchObject({
    code: 2,
    stderr: '--listen here: write HOST:PORT\n',
  });
});

it('is found by its name on the PATH, as kubectl finds its plugins', async () => {
  const env = { PATH: [dir, dirname(process.execPath)].join(delimiter) };
  const { stdout } = await run('kubectl-rekey', ['--help'], { cwd: dir, env });
  expect(stdout).toContain('Usage: kubectl rekey COMMAND [NAME] [flags]');
  await expect(run('kubectl-rekey', ['emergency', 'x'], { cwd: dir, env })).rejects.toMatchObject({ code: 2 });
  await expect(run('kubectl-rekey', ['status'], { cwd: dir, env: { ...env, HOME: dir } })).rejects.toMatchObject({
    code: 1,
    stderr: `no kubeconfig file and no service account found: there is no ${join(dir, '.kube', 'config')}. Set --kubeconfig or KUBECONFIG\n`,
  });
});
