/** Real file systems that refuse: nothing has changed, and nothing is left behind. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { mountOf } from '../../../src/env/files/mounts.ts';
import { bundled } from '../../support/env/bundled.ts';

interface Tried {
  readonly name: string;
  readonly said: string;
  readonly now: readonly string[];
  readonly left: readonly string[];
}

const isRoot = process.geteuid?.() === 0;
const namespace = isRoot ? ['-m'] : ['-r', '-m'];
const canMount = spawnSync('unshare', [...namespace, 'mount', '-t', 'tmpfs', 'rekey-test', tmpdir()]).status === 0;
if (!canMount)
  console.warn('SKIPPED: real file systems: this user cannot mount in a namespace of its own (unshare -rm)');
if (canMount && !isRoot) console.warn("SKIPPED: other users' files: only root can become another user");

const EXPECTED: Readonly<Record<string, readonly [RegExp, string]>> = {
  'full disk': [/^FileError: .*: the disk is full$/, 'old'],
  'full disk of one file': [/^FileError: \/full\/.*: the disk is full$/, 'old'],
  'read-only disk': [/^NotReplaceable: \/read-only: the file system is read-only$/, 'old'],
  'mounted file': [/^NotReplaceable: \/bound\/\.env: it is a mount point of its own/, 'old'],
  'mounted folder': [/^done$/, 'new'],
};
const AS_ROOT: typeof EXPECTED = {
  'folder of others': [/^NotReplaceable: \/closed: you may not read or write it/, 'old'],
  'file of others': [/^FileError: \/open\/\.env: this user cannot keep the owner/, 'old'],
};

it.runIf(canMount)('changes nothing where a file system refuses', async () => {
  const program = await bundled('mounts-process');
  const root = mkdtempSync(join(tmpdir(), 'rekey-mounts-'));
  try {
    const command = [...namespace, process.execPath, program, root, ...(isRoot ? ['root'] : [])];
    const lines = execFileSync('unshare', command, { encoding: 'utf8' }).trim().split('\n');
    const tried = lines.map((line) => JSON.parse(line) as Tried);
    const expected = isRoot ? { ...EXPECTED, ...AS_ROOT } : EXPECTED;
    expect(tried.map(({ name }) => name)).toEqual(Object.keys(expected));
    for (const { name, said, now, left } of tried) {
      const [message, contents] = expected[name] ?? [];
      expect(said, name).toMatch(message ?? /never/);
      expect(new Set(now), name).toEqual(new Set([contents]));
      expect(left, name).toEqual([]);
    }
  } finally {
    rmSync(root, { recursive: true });
  }
});

it('finds the mount that a path is on', () => {
  const mounts = new Set(['/', '/srv', '/srv/app/.env']);
  expect(mountOf('/srv/app', mounts)).toBe('/srv');
  expect(mountOf('/srv/app/.env', mounts)).toBe('/srv/app/.env');
  expect(mountOf('/srvx', mounts)).toBe('/');
  expect(mountOf('/srv', undefined)).toBeUndefined();
});
