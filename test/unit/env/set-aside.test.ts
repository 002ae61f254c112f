/** What an emergency has set aside is no environment without a past: the keys that were burnt there stay burnt. */
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { fingerprintOf, KeyMaterial } from '../../../src/rotation/secret/keys.ts';
import { withFault } from '../../support/env/faulty-fs.ts';
import { folderOf, freshKey } from '../../support/env/folder.ts';
import { stateOf } from '../../support/env/pair.ts';
import { run } from '../../support/env/run.ts';

const CONFIG = `maxTokenTTL: 24h
sourceOfTruth: main
services:
  main: { names: [JWT_SECRET_KEY], files: { production: main/.env, staging: main/.env.staging }, readsFallbacks: true }
  admin: { names: [JWT_SECRET_KEY], files: { production: admin/.env, staging: admin/.env.staging }, readsFallbacks: true }
`;
const FILES = ['main/.env', 'admin/.env'];
const STATE = '.rekey/production.json';
const EMERGENCY = 'emergency production --yes --reason leaked';
const GONE = '.rekey/production.json: it is gone, and an emergency has set aside what was there before';

/** An emergency has burnt the first key of production. */
async function burnt() {
  const [old, other] = [freshKey(), freshKey()];
  const line = `JWT_SECRET_KEY=${old}\n`;
  const staging = {
    'main/.env.staging': `JWT_SECRET_KEY=${other}\n`,
    'admin/.env.staging': `JWT_SECRET_KEY=${other}\n`,
  };
  const root = folderOf({ 'rekey.yaml': CONFIG, 'main/.env': line, 'admin/.env': line, ...staging });
  expect((await run(root, EMERGENCY)).exit).toBe(0);
  const putBack = (paths: readonly string[]) => {
    for (const path of paths) writeFileSync(join(root, path), line);
  };
  return { root, old, putBack, ...readersOf(root) };
}

const readersOf = (root: string) => ({
  read: (path: string) => readFileSync(join(root, path), 'utf8'),
  asides: () => readdirSync(join(root, '.rekey')).filter((name) => name.includes('.unusable-')),
});

const later = (text: string) => text.replaceAll(/\b20(\d\d)(?=-\d\d-\d\dT)/g, (_, year) => `20${Number(year) + 1}`);

it('an emergency that is cut off after it has set a state aside is not forgotten', async () => {
  const unreadable = async () => {
    const each = await burnt();
    each.putBack(FILES);
    rmSync(join(each.root, STATE));
    symlinkSync('nowhere', join(each.root, STATE));
    return each;
  };
  const [frozen, twin] = [await unreadable(), await unreadable()];
  const { calls } = await withFault(undefined, () => run(twin.root, EMERGENCY));
  const point = calls.findIndex(({ name, path }) => name === 'rename' && path === join(twin.root, STATE));
  await withFault({ fault: 'freeze', at: point + 1 }, () => run(frozen.root, EMERGENCY));
  // the frozen run keeps its lock in this process, and a copy has a lock of its own
  const root = folderOf();
  cpSync(frozen.root, root, { recursive: true, verbatimSymlinks: true });
  const { old } = frozen;
  const { read, asides } = readersOf(root);
  expect(asides()).toHaveLength(1);
  expect(existsSync(join(root, STATE))).toBe(false);
  for (const command of ['rotate production', 'sync production', 'continue production', 'abort production']) {
    const { exit, said } = await run(root, command);
    expect([exit, said], command).toEqual([1, expect.stringContaining(GONE)]);
    expect(said).toContain('Run: rekey env emergency production --reason TEXT');
  }
  expect(read('main/.env')).toContain(old);
  expect((await run(root, 'check')).out).toContain('StateUnreadable');

  const again = await run(root, EMERGENCY);
  expect([again.exit, again.said]).toEqual([0, expect.stringContaining(GONE)]);
  for (const path of FILES) expect(read(path)).not.toContain(old);
  expect([stateOf(root).keyset.phase, asides().length]).toEqual(['Burning', 1]);
  const { version } = stateOf(root).keyset;
  expect((await run(root, `continue production --reloaded ${version}`)).exit).toBe(0);
  expect((await run(root, 'rotate production')).exit).toBe(0);
});

it('a key that was burnt in a state that was set aside is taken for a good one by no command', async () => {
  const { root, old, read, putBack, asides } = await burnt();
  writeFileSync(join(root, STATE), later(read(STATE)));
  expect((await run(root, EMERGENCY)).said).toContain('recognized only if they can still be read there');
  expect(asides()).toHaveLength(1);
  const fingerprint = fingerprintOf(new KeyMaterial(Buffer.from(old)));
  expect(stateOf(root).keyset.burnt.map((key) => key.fingerprint)).not.toContain(fingerprint);

  const staging = ['admin/.env.staging', 'main/.env.staging'];
  for (const [i, command] of ['sync staging', 'rotate staging'].entries()) {
    putBack(staging.slice(0, i + 1));
    const { exit, said } = await run(root, command);
    expect([exit, said], command).toEqual([1, expect.stringMatching(`was burnt in production \\(${fingerprint}\\)`)]);
  }
  const { exit, out } = await run(root, 'check');
  expect([exit, out]).toEqual([1, expect.stringContaining('BurntKey')]);
  for (const path of staging) expect(read(path)).toContain(old);

  // who removes the state only has not decided to forget
  rmSync(join(root, STATE));
  putBack(FILES);
  const taken = await run(root, 'rotate production');
  expect([taken.exit, taken.said]).toEqual([1, expect.stringContaining(GONE)]);
  rmSync(join(root, '.rekey', asides()[0] ?? ''));
  expect((await run(root, 'rotate production')).exit).toBe(0);
});
