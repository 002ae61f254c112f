/** The one file that goes into the image. */
import { execFile } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { HELP } from '../../src/flags.ts';

const run = promisify(execFile);
const root = resolve(import.meta.dirname, '../..');

it('is built and starts without node_modules, and says what is wrong with a flag', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'rekey-bundle-'));
  const outfile = join(dir, 'rekey.mjs');
  await run(process.execPath, ['tools/bundle.ts', outfile], { cwd: root });
  const { stdout } = await run(process.execPath, [outfile, '--help'], { cwd: dir });
  expect(stdout).toBe(HELP);
  await expect(run(process.execPath, [outfile, '--listen', 'here'], { cwd: dir })).rejects.toMatchObject({
    code: 2,
    stderr: '--listen here: write HOST:PORT\n',
  });
});
