/** What another user has left in the state folder, usually root: no lock excludes nobody without a word. */
import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, cpSync, lstatSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { withLock } from '../../../src/env/files/lock.ts';
import { commit } from '../../../src/env/files/transaction.ts';
import { bundled } from '../../support/env/bundled.ts';
import { folderOf } from '../../support/env/folder.ts';

const isRoot = process.geteuid?.() === 0;
/** Somebody who is not root; root may write all files, so what others may not is tried as this one. */
const USER = isRoot ? 65_534 : (process.geteuid?.() ?? 0);
const program = await bundled('lock-process');

/** @returns a folder of that user, with the program, which may be where only root can read */
function folderOfUser(): string {
  const folder = folderOf();
  cpSync(program, join(folder, 'lock.mjs'));
  mkdirSync(join(folder, '.rekey'), { mode: 0o700 });
  for (const path of isRoot ? ['.', 'lock.mjs', '.rekey'] : []) chownSync(join(folder, path), USER, USER);
  return folder;
}

/** @returns what a run of that user says, which wants the lock */
function lockedBy(folder: string): string {
  const who = isRoot ? { uid: USER, gid: USER } : {};
  return execFileSync(process.execPath, ['lock.mjs', join(folder, '.rekey')], {
    cwd: folder,
    encoding: 'utf8',
    ...who,
  });
}

describe('a lock', () => {
  it('that this user may not write is none, and the way out is named', () => {
    const folder = folderOfUser();
    const lock = join(folder, '.rekey/lock');
    writeFileSync(lock, '');
    chmodSync(lock, isRoot ? 0o644 : 0o444);
    const said = lockedBy(folder);
    expect(said).not.toContain('held');
    expect(said).toContain(`${lock}: you may not write it, so it would keep no other run out. `);
    const way = isRoot
      ? `It belongs to root; run: sudo chown -R ${USER}:${USER} ${folder}/.rekey\n`
      : `It is yours; run: chmod -R u+rwX ${folder}/.rekey\n`;
    expect(said).toContain(way);
    execFileSync('sh', ['-c', way.replace(/^.*run: (?:sudo )?/, '')]);
    expect(lockedBy(folder)).toBe('held\nover\n');
  });

  it.runIf(isRoot)('in a folder of another user names that one', () => {
    const folder = folderOfUser();
    chownSync(join(folder, '.rekey'), 0, 0);
    expect(lockedBy(folder)).toMatch(/you may not write here; .*It belongs to root; run: sudo chown -R 65534:65534 /);
  });

  it('that is another file is not taken, and the way out is named', async () => {
    const state = join(folderOf(), '.rekey');
    mkdirSync(state);
    writeFileSync(join(state, 'lock'), 'no database at all '.repeat(100));
    mkdirSync(join(state, 'restart-x'));
    for (const name of ['lock', 'restart-x']) {
      const run = () => withLock(state, async () => 'done', undefined, name);
      const error = await run().catch((thrown: Error) => thrown.message);
      expect(error).toMatch(new RegExp(`/${name}: this is no lock of rekey\\. Move it away: mv `));
      execFileSync('sh', ['-c', String(error).replace(/^.*Move it away: /, '')]);
      await expect(run()).resolves.toBe('done');
    }
  });
});

it.runIf(isRoot)('what root makes in the folder of a user belongs to that user', async () => {
  const folder = folderOfUser();
  const state = join(folder, 'own', '.rekey');
  mkdirSync(join(folder, 'own'));
  chownSync(join(folder, 'own'), USER, USER);
  await withLock(state, async () => {
    await commit(state, [
      { path: join(state, 'production.json'), before: undefined, after: Buffer.from('{}'), mode: 0o600 },
    ]);
  });
  const made = ['.', ...readdirSync(state)];
  expect(made.sort()).toEqual(['.', '.gitignore', 'lock', 'production.json']);
  expect(made.map((name) => lstatSync(join(state, name)).uid)).toEqual(made.map(() => USER));
});

it('a file of the state folder that somebody else has made is replaced, as nobody else may be at work there', async () => {
  const state = join(folderOf(), '.rekey');
  mkdirSync(state);
  const path = join(state, 'production.json');
  writeFileSync(path, 'old');
  if (isRoot) chownSync(path, USER, USER);
  await commit(state, [{ path, before: Buffer.from('old'), after: Buffer.from('new'), mode: 0o600 }]);
  expect(lstatSync(path).uid).toBe(process.geteuid?.());
});
