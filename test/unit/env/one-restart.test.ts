/** One restart of a service at a time, and what it counts for. `rekey` runs as a process. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Follower } from '../../../src/cli/env/follow.ts';
import { newAsker } from '../../../src/env/asker.ts';
import { loadConfig } from '../../../src/env/config.ts';
import { withLock } from '../../../src/env/files/lock.ts';
import { Session } from '../../../src/env/session.ts';
import { put } from '../../support/env/folder.ts';
import { EMERGENCY, rekeyForFile, stateOf, twoServices } from '../../support/env/pair.ts';

const rekey = rekeyForFile();

const read = (folder: string, path: string) => readFileSync(join(folder, path), 'utf8');
const logged = (folder: string) => read(folder, 'log').trim().split('\n');
const LOGS = 'reload: "echo admin >> log"';

describe('a reload command that reads the file first and swaps later', { timeout: 300_000 }, () => {
  const SWAPS = `E=$(cat main/.env.production); if test -e slow; then rm slow; touch began; sleep 6; fi; printf '%s\\\\n' \\"$E\\" > live; echo main >> log`;

  it('does not bring a burnt key back after the emergency is over', async () => {
    const folder = twoServices({ main: `reload: "${SWAPS}"`, admin: LOGS });
    writeFileSync(join(folder, 'slow'), '');
    const rotation = spawn(process.execPath, [rekey.path, 'env', 'rotate', 'production'], { cwd: folder });
    const ended = once(rotation, 'exit');
    await expect.poll(() => existsSync(join(folder, 'began')), { timeout: 120_000 }).toBe(true);
    const { code, out, err } = await rekey.env(folder, ...EMERGENCY);
    expect([code, out]).toEqual([0, expect.stringContaining('the emergency is over')]);
    expect(err).toContain(`main: another run of rekey restarts it (process ${rotation.pid}, since `);
    // who is free does not wait for who is not
    expect(logged(folder)[0]).toBe('admin');
    await ended;
    expect(read(folder, 'live')).toBe(read(folder, 'main/.env.production'));
  });
});

it('an emergency does not wait for ever for the restart of another run', async () => {
  const folder = twoServices({ main: 'reload: "test -e mended"', admin: LOGS });
  await rekey.env(folder, ...EMERGENCY);
  writeFileSync(join(folder, 'mended'), '');
  const said: string[] = [];
  const terminal = {
    print: () => undefined,
    printErr: (text: string) => void said.push(text),
    ...{ question: async () => '', clear: () => undefined, closed: () => false, interactive: false, now: Date.now },
  };
  const asker = newAsker();
  const session = new Session({
    ...{ config: await loadConfig(folder), environment: 'production', asker, onRecovered: () => undefined },
    clock: { now: Date.now, sleep: async () => undefined },
  });
  const state = join(folder, '.rekey');
  const follow = () => new Follower({ session, terminal, program: 'rekey', watch: false }).run();
  const exit = await withLock(state, follow, undefined, 'restart-production.main');
  expect([exit, stateOf(folder).keyset.phase]).toEqual([3, 'Burning']);
  expect(said.join('')).toContain('main (another run restarts it for longer than 1m');
  expect(await follow()).toBe(0);
  await asker.close();
}, 300_000);

describe('a reload command', { timeout: 300_000 }, () => {
  it('that writes another variable of its file counts', async () => {
    const stamps = 'reload: "echo main >> log; echo BUILD=$(date +%s%N) >> main/.env.production"';
    const folder = twoServices({ main: stamps, admin: LOGS });
    const { code, out } = await rekey.env(folder, ...EMERGENCY);
    expect([code, out]).toEqual([0, expect.stringContaining('the emergency is over')]);
    expect(logged(folder).toSorted()).toEqual(['admin', 'main']);
  });

  it('that never counts runs twice, and keeps no other service from its restart', async () => {
    // as a sync of somebody else does who finds another key in the file
    const folder = twoServices({ main: `reload: "'${process.execPath}' sync.mjs; echo main >> log"`, admin: LOGS });
    put(folder, {
      'sync.mjs': `import { readFileSync, writeFileSync } from 'node:fs';
const path = '.rekey/production.json';
const state = JSON.parse(readFileSync(path, 'utf8'));
state.restored = { main: (state.restored?.main ?? 0) + 1 };
writeFileSync(path, JSON.stringify(state));
`,
    });
    const { code, err } = await rekey.env(folder, ...EMERGENCY);
    expect([code, stateOf(folder).keyset.phase]).toEqual([3, 'Burning']);
    expect(logged(folder).toSorted()).toEqual(['admin', 'main', 'main']);
    expect(err).toContain('main (restarted twice, and each time');
  });
});

it('sync counts for no restart that began before it', async () => {
  const folder = twoServices({
    main: 'reload: "test -e twice || { touch begun; sleep 4; touch twice; }; echo main >> log"',
  });
  const emergency = spawn(process.execPath, [rekey.path, 'env', ...EMERGENCY], { cwd: folder });
  const ended = once(emergency, 'exit');
  await expect.poll(() => existsSync(join(folder, 'begun')), { timeout: 120_000 }).toBe(true);
  writeFileSync(
    join(folder, 'main/.env.production'),
    'JWT_SECRET_KEY=Zm9yZWlnbi1rZXktb2YtdGhpcnR5LXR3by1ieXRlcy1hYmM9\n',
  );
  await rekey.env(folder, 'sync', 'production', '--discard');
  expect(await ended).toEqual([0, null]);
  // of the emergency, of sync, and the one that counts
  expect(logged(folder).length).toBeGreaterThanOrEqual(3);
  expect(stateOf(folder).restored).toEqual({ main: 1 });
}, 300_000);
