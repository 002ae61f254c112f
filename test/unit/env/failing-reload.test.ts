/** One service that cannot be restarted, or asked, keeps no other from being restarted. `rekey` runs as a process. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { freshKey } from '../../support/env/folder.ts';
import { EMERGENCY, rekeyForFile, stateOf, twoServices } from '../../support/env/pair.ts';

const rekey = rekeyForFile();

const FAILS = 'reload: "test -e mended"';
const WORKS = 'reload: "echo admin >> restarted"';
const restarted = (folder: string) => existsSync(join(folder, 'restarted'));

describe('a reload command that fails', { timeout: 300_000 }, () => {
  it('keeps no other service from its restart in an emergency', async () => {
    const folder = twoServices({ main: FAILS, admin: WORKS });
    const { code, err } = await rekey.env(folder, ...EMERGENCY);
    expect([code, restarted(folder), stateOf(folder).keyset.phase]).toEqual([3, true, 'Burning']);
    expect(err).toContain('main: its reload command ended with exit status 1');
    expect(err).toContain('production rests in Burning. Written by this command: burn');
    expect(err).not.toContain('nothing was written');
    // when it is mended, only what failed runs again
    writeFileSync(join(folder, 'mended'), '');
    const again = await rekey.env(folder, 'continue', 'production');
    expect([again.code, stateOf(folder).keyset.phase]).toEqual([0, 'Steady']);
    expect(readFileSync(join(folder, 'restarted'), 'utf8')).toBe('admin\n');
  });

  it.each([
    [EMERGENCY, 0],
    [['rotate', 'production'], 3],
  ] as const)(
    'and one that hangs holds up no other in an emergency, and in a rotation they run in turn: %j',
    async (args, code) => {
      const hangs = 'for i in 1 2 3 4 5 6; do test -e restarted && exit 0; sleep 1; done; exit 1';
      const folder = twoServices({ main: `reload: "${hangs}"`, admin: WORKS });
      expect((await rekey.env(folder, ...args)).code).toBe(code);
      expect(restarted(folder)).toBe(true);
    },
  );

  it('waits until those are named in an emergency who have none', async () => {
    const folder = twoServices({ main: 'reload: "true"' });
    const { out } = await rekey.env(folder, ...EMERGENCY);
    expect(out).toMatch(/Restart admin now: [\s\S]*\n {2}main: true\n[\s\S]*Restart admin\. When they run again/);
  });

  it.each([
    [EMERGENCY, 'main: restarted without its lock, so another run may restart it at the same time', 'main\nadmin\n'],
    [['rotate', 'production'], 'not restarted, as far as rekey knows: main (', 'admin\n'],
  ] as const)(
    'is run without its lock in an emergency alone, and keeps no other from its restart: %j',
    async (args, said, log) => {
      const folder = twoServices({
        main: 'reload: "echo main >> restarted"',
        admin: `reload: "sleep 1; echo admin >> restarted"`,
      });
      // a lock that cannot be opened, as on a full disk
      mkdirSync(join(folder, '.rekey/restart-production.main'), { recursive: true, mode: 0o700 });
      const { err } = await rekey.env(folder, ...args);
      expect(err).toContain('this is no lock of rekey');
      expect(err).toContain(said);
      expect(readFileSync(join(folder, 'restarted'), 'utf8')).toBe(log);
    },
  );

  it('or one that leaves the files unreadable, keeps no other service from its restart', async () => {
    const folder = twoServices({
      main: 'reload: "mv admin/.env.production admin/away"',
      admin: 'reload: "sleep 3; mv admin/away admin/.env.production; echo admin >> restarted"',
    });
    const { code, err } = await rekey.env(folder, ...EMERGENCY);
    expect([code, restarted(folder), stateOf(folder).keyset.phase]).toEqual([1, true, 'Burning']);
    expect(err).toContain('admin/.env.production: there is no such file');
    expect(err).toContain('Written by this command: burn');
  });

  it('keeps no other service from its restart in a rotation, and what a person must do is said', async () => {
    const folder = twoServices({ main: FAILS });
    const { code, out, err } = await rekey.env(folder, 'rotate', 'production');
    expect([code, stateOf(folder).keyset.phase]).toEqual([3, 'Staging']);
    expect(out).toContain('Restart admin.');
    expect(err).toContain('main: its reload command ended with exit status 1');
    expect(err).toContain('production rests in Staging. Written by this command: stage');
  });

  it('keeps no other service from its restart after sync, and sync says what it does not know', async () => {
    const folder = twoServices({ main: FAILS, admin: WORKS });
    writeFileSync(join(folder, 'admin/.env.production'), `JWT_SECRET_KEY=${freshKey()}\n`);
    const { code, err } = await rekey.env(folder, 'sync', 'production');
    // main has the key of admin among its fallbacks now
    expect([code, restarted(folder)]).toEqual([3, true]);
    expect(err).toContain('main: its reload command ended with exit status 1');
    expect(err).toContain('every file is written, and the reload command of main failed');
    const again = await rekey.env(folder, 'sync', 'production');
    expect([again.code, again.out]).toEqual([0, expect.stringContaining('all files are in step')]);
    expect(again.out).toContain('is not known');
  });

  it('hides nobody who must be restarted by hand after sync', async () => {
    const folder = twoServices({ main: FAILS });
    writeFileSync(join(folder, 'admin/.env.production'), `JWT_SECRET_KEY=${freshKey()}\n`);
    const { code, out } = await rekey.env(folder, 'sync', 'production');
    expect([code, out]).toEqual([3, expect.stringContaining('Restart admin')]);
  });
});

it('a canary URL that verifies nothing keeps no service from its restart in an emergency', async () => {
  const server = createServer((_, response) => void response.end());
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const folder = twoServices({ main: `canary: "${url}", reload: "echo main >> restarted"`, admin: WORKS });
  const { code, err } = await rekey.env(folder, ...EMERGENCY);
  expect([code, stateOf(folder).keyset.phase]).toEqual([3, 'Burning']);
  expect(readFileSync(join(folder, 'restarted'), 'utf8').split('\n').sort()).toEqual(['', 'admin', 'main']);
  expect(err).toContain('main: it accepts a token signed with a made-up key');
});
