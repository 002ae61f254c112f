/** What rekey remembers of an environment is damaged, or later than the clock: an emergency goes on, all else rests. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { folderOf, freshKey } from '../../support/env/folder.ts';
import { stateOf } from '../../support/env/pair.ts';
import { run } from '../../support/env/run.ts';

const CONFIG = `maxTokenTTL: 24h
sourceOfTruth: main
services:
  main: { names: [JWT_SECRET_KEY], files: { development: main/.env }, readsFallbacks: true }
  admin: { names: [JWT_SECRET_KEY], files: { development: admin/.env }, readsFallbacks: true }
`;
const STATE = '.rekey/development.json';
const EMERGENCY = 'emergency development --yes --reason leaked';

/** Two services in the middle of a rotation. */
async function underWay() {
  const old = freshKey();
  const line = `JWT_SECRET_KEY=${old}\n`;
  const root = folderOf({ 'rekey.yaml': CONFIG, 'main/.env': line, 'admin/.env': line });
  const read = (path: string) => readFileSync(join(root, path), 'utf8');
  expect((await run(root, 'rotate development')).exit).toBe(0);
  const keys = [...read('main/.env').matchAll(/=(.+)/g)].flatMap(([, value = '']) => value.split(','));
  expect(keys).toContain(old);
  return { root, read, keys, version: stateOf(root, 'development').keyset.version };
}

/** @returns the state with every time a year later */
const later = (text: string) => text.replaceAll(/\b20(\d\d)(?=-\d\d-\d\dT)/g, (_, year) => `20${Number(year) + 1}`);

const rows: readonly (readonly [string, (text: string) => string, RegExp])[] = [
  ['is not JSON', (text) => text.slice(0, 40), /development\.json: /],
  ['has another format', (text) => text.replace('"format": 1', '"format": 7'), /has format 7/],
  ['is from the future', later, /the clock of this machine is .* behind the last write of rekey/],
];

describe.each(rows)('a state that %s', (_, damage, why) => {
  it('stops each write but that of an emergency, which keeps it', async () => {
    const { root, read, keys, version } = await underWay();
    const damaged = damage(read(STATE));
    writeFileSync(join(root, STATE), damaged);
    const before = [read('main/.env'), read('admin/.env')];
    for (const command of [
      'continue development --reloaded',
      `continue development --reloaded ${version}`,
      'rotate development',
      'abort development',
    ]) {
      const { exit, said } = await run(root, command);
      expect([exit, said], command).toEqual([1, expect.stringMatching(why)]);
    }
    expect([read('main/.env'), read('admin/.env'), read(STATE)]).toEqual([...before, damaged]);

    if (!why.source.includes('clock')) {
      const { said } = await run(root, 'rotate development');
      expect(said).toContain(
        'Which keys were burnt is forgotten by that: a key that has leaked must not be taken over',
      );
    }
    const burnt = await run(root, EMERGENCY);
    expect(burnt.said).toMatch(why);
    expect(burnt.said).toContain('Keys that were burnt before are not recognized any more');
    expect(burnt.out).toContain('Restart main, admin');
    for (const file of ['main/.env', 'admin/.env']) for (const key of keys) expect(read(file)).not.toContain(key);
    const [aside = ''] = readdirSync(join(root, '.rekey')).filter((name) => name.includes('unusable'));
    expect(read(join('.rekey', aside))).toBe(damaged);

    // a word from before the emergency names no version of it
    const after = stateOf(root, 'development').keyset.version;
    expect(after).toBeGreaterThan(version);
    const old = await run(root, `continue development --reloaded ${version}`);
    expect([old.exit, old.said]).toEqual([1, expect.stringContaining(`the files have version ${after} since`)]);
    expect(stateOf(root, 'development').keyset.phase).toBe('Burning');
    const over = await run(root, `continue development --reloaded ${after}`);
    expect([over.exit, over.out]).toEqual([0, expect.stringContaining('extinguish: the emergency is over')]);
    expect((await run(root, 'rotate development')).exit).toBe(0);
  });
});
