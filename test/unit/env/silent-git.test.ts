/** A Git that does not answer, as on a network drive that is away: it is asked once for each folder, and not waited for. */
import { chmodSync, existsSync, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { withLock } from '../../../src/env/files/lock.ts';
import { gitFacts } from '../../../src/env/git.ts';
import { folderOf, put } from '../../support/env/folder.ts';
import { stateOf, twoServices } from '../../support/env/pair.ts';
import { run } from '../../support/env/run.ts';

afterEach(() => void vi.unstubAllEnvs());

/** @returns a line for each time it was asked, and one for each time it was waited for to the end */
function silentGit(seconds: number) {
  const folder = folderOf({ git: '' });
  put(folder, {
    git: `#!/bin/sh\necho asked >> ${folder}/asked\nsleep ${seconds}\necho ended >> ${folder}/asked\nexit 1\n`,
  });
  chmodSync(join(folder, 'git'), 0o755);
  vi.stubEnv('PATH', `${folder}${delimiter}${process.env.PATH}`);
  const asked = join(folder, 'asked');
  return () => (existsSync(asked) ? readFileSync(asked, 'utf8').trim().split('\n') : []);
}

it('is asked about all folders at once, with one limit', async () => {
  const names = ['a', 'b', 'c', 'd', 'e'];
  const folder = folderOf(Object.fromEntries(names.map((name) => [`${name}/.env`, ''])));
  const asked = silentGit(12);
  const began = performance.now();
  const facts = await gitFacts(
    names.map((name) => join(folder, name, '.env')),
    2_000,
  );
  expect(performance.now() - began).toBeLessThan(4_000);
  expect([...facts.values()].map(({ tracked }) => tracked)).toEqual(names.map(() => 'unknown'));
  expect(asked()).toHaveLength(names.length);
});

it('holds an emergency up for some seconds, once', async () => {
  const folder = twoServices();
  const asked = silentGit(12);
  const { exit } = await run(folder, 'emergency production --yes --reason leaked');
  expect([exit, stateOf(folder).keyset.phase]).toEqual([0, 'Burning']);
  expect(asked()).toEqual(['asked', 'asked']);
});

it.each(['rotate production', 'sync production'])(
  'is waited for without the lock: %s',
  async (command) => {
    const folder = twoServices();
    put(folder, {
      'admin/.env.production': command.startsWith('sync')
        ? `JWT_SECRET_KEY=${'4f'.repeat(31)}a7\n`
        : readFileSync(join(folder, 'main/.env.production')),
    });
    const asked = silentGit(6);
    const waits = run(folder, command);
    await expect.poll(() => asked().length, { timeout: 15_000 }).toBe(2);
    await expect(withLock(join(folder, '.rekey'), async () => 'free')).resolves.toBe('free');
    expect(await waits).toMatchObject({ exit: 1, said: expect.stringContaining('whether Git keeps it is not known') });
  },
  60_000,
);
