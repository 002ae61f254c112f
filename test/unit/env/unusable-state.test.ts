/** What rekey remembers of an environment is damaged, or later than the clock: an emergency goes on, all else rests. */
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
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

    if (why.source.includes('json')) {
      const { said } = await run(root, 'rotate development');
      expect(said).toContain(
        'Which keys were burnt is forgotten by that: a key that has leaked must not be taken over',
      );
    }
    const burnt = await run(root, EMERGENCY);
    expect(burnt.said).toMatch(why);
    expect(burnt.said).toContain('Keys that were burnt before are recognized only if they can still be read there');
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

describe.each<readonly [string, (path: string) => void, RegExp]>([
  ['is larger than rekey reads', (path) => writeFileSync(path, ' '.repeat(1024 * 1024 + 1)), /it is larger than/],
  ['is a folder', (path) => mkdirSync(path), /it is a folder/],
  ['is a link to nothing', (path) => symlinkSync('nowhere', path), /this symbolic link leads nowhere/],
])('a state that %s', (_, make, why) => {
  it('stops each write but that of an emergency, which moves it away', async () => {
    const { root, read, keys } = await underWay();
    rmSync(join(root, STATE));
    make(join(root, STATE));
    const before = read('main/.env');
    const stopped = await run(root, 'continue development');
    expect([stopped.exit, stopped.said]).toEqual([1, expect.stringMatching(why)]);
    expect(stopped.said).toContain('An emergency goes on without it');
    expect(read('main/.env')).toBe(before);
    const burnt = await run(root, EMERGENCY);
    expect(burnt.said).toMatch(why);
    expect([burnt.exit, stateOf(root, 'development').keyset.phase]).toEqual([0, 'Burning']);
    for (const file of ['main/.env', 'admin/.env']) for (const key of keys) expect(read(file)).not.toContain(key);
    expect(readdirSync(join(root, '.rekey')).filter((name) => name.includes('unusable'))).toHaveLength(1);
  });
});

it('a state of a newer rekey is answered with the newer rekey', async () => {
  const { root, read } = await underWay();
  writeFileSync(join(root, STATE), read(STATE).replace('"format": 1', '"format": 2'));
  const { said } = await run(root, 'continue development');
  expect(said).toContain('use the newer rekey');
  expect(said).not.toContain('remove it');
});

describe('a journal that rekey has not written', () => {
  it.each(['{"a":1}', '[{"a":1}]', '[null]', 'no'])('is named with what to do: %s', async (text) => {
    const { root } = await underWay();
    mkdirSync(join(root, '.rekey/step'));
    writeFileSync(join(root, '.rekey/step/commit.json'), text);
    const { exit, said } = await run(root, 'continue development');
    expect([exit, said]).toEqual([
      1,
      expect.stringContaining('this is not what rekey wrote there; nothing was written'),
    ]);
    expect(said).toContain(`rm -r ${root}/.rekey/step`);
  });

  it('and is no folder is named with what to do', async () => {
    const { root } = await underWay();
    writeFileSync(join(root, '.rekey/step'), '');
    const { exit, said } = await run(root, 'continue development');
    expect([exit, said]).toEqual([1, expect.stringContaining(`Move it away: mv ${root}/.rekey/step `)]);
  });
});
