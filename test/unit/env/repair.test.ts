/** `rekey env sync`, `rotate` and `abort` on real files, by the command line, with no service that runs. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { changed, folderOf, freshKey, git, put } from '../../support/env/folder.ts';
import { reloadedOf } from '../../support/env/pair.ts';
import { NOW, run } from '../../support/env/run.ts';

const line = (value: string, name = 'JWT_SECRET_KEY') => `${name}=${value}\n`;
const FALLBACKS = 'JWT_SECRET_KEY_FALLBACKS';
const read = (root: string, path: string) => readFileSync(join(root, path), 'utf8');

/** Of two services whose development files these are. */
const DEVELOPMENT = `maxTokenTTL: 24h
sourceOfTruth: main
services:
  main: { names: [JWT_SECRET_KEY], files: { development: main/.env }, readsFallbacks: true }
  admin: { names: [JWT_SECRET_KEY], files: { development: admin/.env }, readsFallbacks: true }
`;

describe('a weak key of one service', () => {
  const files = (key: string) => ({ 'main/.env': line(key), 'admin/.env': line('changeme'), 'auto/.env': line(key) });

  it('is not brought to the others by sync', async () => {
    const key = freshKey();
    const root = folderOf(files(key));
    const { exit, said } = await run(root, 'sync development');
    expect(exit).toBe(1);
    expect(said).toMatch(/^admin\/\.env has a key that is publicly known \(weak-\w{4}\).*--discard gives it up/);
    for (const [path, text] of Object.entries(files(key))) expect(read(root, path)).toBe(text);
  });

  it('is given up by sync --discard', async () => {
    const key = freshKey();
    const root = folderOf(files(key));
    const { exit, out } = await run(root, 'sync development --discard');
    expect([exit, out]).toEqual([0, expect.stringContaining('  given up: weak-')]);
    for (const path of Object.keys(files(key))) {
      expect(read(root, path)).toContain(line(key));
      expect(read(root, path)).not.toContain('changeme');
    }
  });

  it('does not sign anywhere else where it is that of the source of truth', async () => {
    const root = folderOf({ 'main/.env': line('changeme'), 'admin/.env': line(freshKey()) });
    for (const command of ['sync development', 'sync development --discard']) {
      const { exit, said } = await run(root, command);
      expect([exit, said]).toEqual([1, expect.stringContaining('rekey env emergency development --reason')]);
    }
    expect(read(root, 'admin/.env')).not.toContain('changeme');
  });

  it('is not brought to the others by rotate, where it is a fallback', async () => {
    const key = freshKey();
    const admin = `${line(key)}${line('changeme', FALLBACKS)}`;
    const root = folderOf({ 'rekey.yaml': DEVELOPMENT, 'main/.env': line(key), 'admin/.env': admin });
    const { exit, said } = await run(root, 'rotate development --reads-fallbacks');
    expect([exit, said]).toEqual([1, expect.stringContaining('rekey env sync development --discard')]);
    expect(read(root, 'main/.env')).toBe(line(key));
    expect(read(root, 'admin/.env')).toBe(admin);
  });

  it('is no obstacle where all have it: a rotation retires it', async () => {
    const both = `${line(freshKey())}${line('changeme', FALLBACKS)}`;
    const root = folderOf({ 'rekey.yaml': DEVELOPMENT, 'main/.env': both, 'admin/.env': both });
    expect(await run(root, 'rotate development --reads-fallbacks')).toMatchObject({ exit: 0 });
  });
});

describe('the age of a key that people had made', () => {
  const YEAR = 365 * 86_400_000;
  /** Two services with one key, two years old by the file of the first. */
  const old = (): string => {
    const key = line(freshKey());
    const root = folderOf({ 'rekey.yaml': DEVELOPMENT, 'main/.env': key, 'admin/.env': key });
    changed(root, 'main/.env', NOW - 2 * YEAR);
    return root;
  };

  it('is not forgotten when a rotation has begun, and was aborted', async () => {
    const root = old();
    const before = await run(root, 'status');
    expect(before).toMatchObject({ exit: 3, out: expect.stringContaining('[RotationDue]') });
    for (const command of ['rotate development --reads-fallbacks', 'abort development']) {
      expect(await run(root, command)).toMatchObject({ exit: 0 });
      const { exit, out } = await run(root, 'status');
      expect([exit, out]).toEqual([3, expect.stringMatching(/development +main .* ≥730d +≥640d ago/)]);
      expect(out).toContain('the key is at least 730d old');
    }
  });

  it('is not forgotten after sync', async () => {
    const root = old();
    put(root, { 'admin/.env': line(freshKey()) });
    expect(await run(root, 'sync development')).toMatchObject({ exit: 0 });
    expect((await run(root, 'status')).out).toMatch(/development +main .* ≥730d +≥640d ago/);
  });
});

describe('a rotation that goes back after promote', () => {
  const yaml = `maxTokenTTL: 1s
clockSkew: 1s
slack: 0s
sourceOfTruth: main
services:
  main: { names: [JWT_SECRET_KEY], files: { production: main/.env }, readsFallbacks: true, reload: 'true' }
  admin: { names: [JWT_SECRET_KEY], files: { production: admin/.env }, readsFallbacks: true, reload: 'true' }
`;

  it('says that the new key leaves, and the old one signs', async () => {
    const key = line(freshKey());
    const root = folderOf({ 'rekey.yaml': yaml, 'main/.env': key, 'admin/.env': key });
    const forth = await run(root, 'rotate production');
    expect(forth.out).toContain('drain: no service is known to sign with the old key any more');
    expect((await run(root, 'status')).out).toMatch(/under way \(Draining\); the old key stays accepted until/);
    const back = await run(root, 'abort production');
    expect([back.exit, back.said]).toEqual([0, '']);
    expect(back.out).toContain('drain: no service is known to sign with the new key any more');
    expect(back.out).toContain('production: the new key stays accepted until');
    expect((await run(root, 'status')).out).toMatch(
      /under way \(Draining, going back\); the new key stays accepted until/,
    );
    const again = await run(root, 'abort production');
    expect([again.exit, again.said]).toEqual([1, expect.stringContaining('it is going back already (Draining)')]);
    const end = await run(root, 'continue production --watch');
    expect(end.out).toContain('Draining: the old key signs again; the new one is accepted until');
    expect(end.out).toContain('retire: the new key has left every file');
    expect(end.out).toContain('Retiring: every service forgets the new key');
    expect((back.out + end.out).replaceAll('rollback: the old key signs again', '')).not.toMatch(
      /the old key (?:has left|stays accepted)|with the old key any more|the new key signs;/,
    );
    expect([end.exit, read(root, 'main/.env'), read(root, 'admin/.env')]).toEqual([0, key, key]);
  });
});

describe('a folder below rekey.yaml, outside of a repository', () => {
  const yaml = `maxTokenTTL: 1h
sourceOfTruth: main
services:
  main: { names: [JWT_SECRET_KEY], files: { production: main/.env.production } }
  admin: { names: [JWT_SECRET_KEY], files: { production: admin/.env.production } }
`;
  const commands = ['rotate production --reads-fallbacks', 'sync production', 'emergency production --reason x --yes'];

  it('is not changed apart from the others', async () => {
    const key = line(freshKey());
    const root = folderOf({ 'rekey.yaml': yaml, 'main/.env.production': key, 'admin/.env.production': key });
    for (const command of commands) {
      const { exit, said } = await run(join(root, 'main'), command);
      expect([exit, said]).toEqual([1, expect.stringContaining(`run the command in ${root}. If not: rekey env init`)]);
    }
    expect(read(root, 'main/.env.production')).toBe(key);
    expect(existsSync(join(root, 'main/.rekey'))).toBe(false);
  });

  it('is changed where it has a rekey.yaml of its own, or is a repository', async () => {
    const root = folderOf({ 'rekey.yaml': yaml, 'main/.env.production': line(freshKey()) });
    expect(await run(join(root, 'main'), 'init')).toMatchObject({ exit: 0 });
    expect(await run(join(root, 'main'), commands[0] ?? '')).toMatchObject({ exit: 0 });
    const outer = folderOf({
      'rekey.yaml': yaml,
      'main/.env.production': line(freshKey()),
      'main/.gitignore': '.env*\n',
    });
    git(join(outer, 'main'), 'init', '-q');
    expect(await run(join(outer, 'main'), 'init')).toMatchObject({ exit: 0 });
    expect(await run(join(outer, 'main'), commands[0] ?? '')).toMatchObject({ exit: 0 });
  });
});

describe('a rotation under way', () => {
  const yaml = (...services: readonly string[]) =>
    `maxTokenTTL: 1h\nsourceOfTruth: main\nservices:\n${services.map((name) => `  ${name}: { names: [JWT_SECRET_KEY], files: { production: ${name}/.env }, readsFallbacks: true }\n`).join('')}`;
  const begun = async () => {
    const key = line(freshKey());
    const root = folderOf({ 'rekey.yaml': yaml('main', 'admin'), 'main/.env': key, 'admin/.env': key });
    expect(await run(root, 'rotate production')).toMatchObject({ exit: 0 });
    return root;
  };

  it('forgets no service that it began with, whatever becomes of rekey.yaml', async () => {
    const root = await begun();
    put(root, { 'rekey.yaml': yaml('main') });
    for (const command of [`continue production ${reloadedOf(root).join(' ')}`, 'abort production']) {
      const { exit, said } = await run(root, command);
      expect([exit > 0, said]).toEqual([true, expect.stringContaining('admin: part of this rotation')]);
    }
    expect(read(root, 'main/.env')).toContain(FALLBACKS);
    put(root, { 'rekey.yaml': yaml('main', 'admin') });
    expect(await run(root, 'abort production')).toMatchObject({ exit: 0 });
    put(root, { 'rekey.yaml': yaml('main') });
    expect(await run(root, 'rotate production')).toMatchObject({ exit: 0 });
  });

  it('is not said to have ended again, each time that somebody looks', async () => {
    const root = await begun();
    expect((await run(root, 'abort production')).out).toMatch(/^production: Aborted/m);
    expect((await run(root, 'continue production')).out).toMatch(
      /^production: nothing is under way\nlast: production: Aborted/,
    );
  });
});
