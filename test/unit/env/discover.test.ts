import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { discover } from '../../../src/env/discover.ts';
import { walk } from '../../../src/env/walk.ts';
import { folderOf, freshKey, put } from '../../support/env/folder.ts';

const key = freshKey();
const line = (name = 'JWT_SECRET_KEY', value = key) => `${name}=${value}\n`;
const filesOf = async (files: Readonly<Record<string, string>>) => {
  const { services } = await discover(folderOf(files));
  return Object.fromEntries(services.map(({ name, files: found }) => [name, found]));
};
const reasonsOf = async (folder: string) =>
  (await discover(folder)).findings.map(({ reason, file }) => `${reason} ${file}`);

describe('the search for .env files', () => {
  it('finds services, environments, names and the source of truth, with nothing configured', async () => {
    const root = folderOf({
      'admin/.env': line('JWT_SECRET'),
      'admin/.env.prod': line('JWT_SECRET'),
      'autoscraper/.env.staging': line() + line('SECRET_KEY'),
      'main/.env': line() + line('CLERK_SECRET_KEY'),
      'main/.env.production': line(),
      'main/.env.example': line(),
      'web/.env': 'CLERK_SECRET_KEY=sk_test\nNEXT_PUBLIC_URL=x\n',
      'main/node_modules/lib/.env': line(),
    });
    const { services, sourceOfTruth, findings } = await discover(root);
    expect(sourceOfTruth).toBe('main');
    expect(services).toEqual([
      {
        name: 'main',
        names: ['JWT_SECRET_KEY'],
        files: { development: 'main/.env', production: 'main/.env.production' },
      },
      { name: 'admin', names: ['JWT_SECRET'], files: { development: 'admin/.env', production: 'admin/.env.prod' } },
      { name: 'autoscraper', names: ['JWT_SECRET_KEY', 'SECRET_KEY'], files: { staging: 'autoscraper/.env.staging' } },
    ]);
    expect(findings).toEqual([]);
  });

  it('takes .env for development, unless a variable in it says otherwise', async () => {
    expect(
      await filesOf({ 'a/.env': `NODE_ENV=prod\n${line()}`, 'b/.env': line(), 'c/.env': `APP_ENV=qa\n${line()}` }),
    ).toEqual({
      a: { production: 'a/.env' },
      b: { development: 'b/.env' },
      c: { qa: 'c/.env' },
    });
    expect(await filesOf({ 'a/.env': `NODE_ENV=production\nENVIRONMENT=staging\n${line()}` })).toEqual({
      a: { staging: 'a/.env' },
    });
  });

  it('counts a file of a service in which the name is missing', async () => {
    expect(await filesOf({ 'main/.env': line(), 'main/.env.production': 'PORT=1\n' })).toEqual({
      main: { development: 'main/.env', production: 'main/.env.production' },
    });
  });

  it('takes local files first, as Next.js and Vite do, and says which file they hide', async () => {
    const root = folderOf({
      ...{ 'web/.env': line(), 'web/.env.local': line(), 'web/.env.development': line() },
      ...{ 'web/.env.production': line(), 'web/.env.production.local': line() },
    });
    const { services, guesses } = await discover(root);
    expect(services[0]?.files).toEqual({ development: 'web/.env.local', production: 'web/.env.production.local' });
    expect(await reasonsOf(root)).toEqual([
      'ShadowedKey web/.env',
      'ShadowedKey web/.env.development',
      'ShadowedKey web/.env.production',
    ]);
    expect(guesses.join('\n')).toMatch(/end in \.local.*web\/\.env\.local \(development\)/);
  });

  it('leaves a name alone that holds something else in another environment', async () => {
    const root = folderOf({
      'main/.env': line() + line('SECRET_KEY'),
      'main/.env.production': line() + line('SECRET_KEY', 'of-django'),
    });
    expect((await discover(root)).services[0]?.names).toEqual(['JWT_SECRET_KEY']);
  });

  it('reports leftovers that hold a key, with the line, and no others', async () => {
    const root = folderOf({
      'main/.env.bak': `# old\nexport ${line()}`,
      'main/..env.swp': `b0VIM\0\0JWT_SECRET_KEY=${key}\0`,
      'main/.env.production.old': 'PORT=1\nJWT_SECRET_KEY=\n',
      'main/.env~': line('CLERK_SECRET_KEY'),
    });
    const { findings, services } = await discover(root);
    expect(services).toEqual([]);
    expect(findings.map(({ reason, file, line: at, fix }) => [reason, file, at, fix])).toEqual([
      ['LeftoverKey', 'main/..env.swp', 1, ['rm main/..env.swp']],
      ['LeftoverKey', 'main/.env.bak', 2, ['rm main/.env.bak']],
    ]);
  });

  it('reports what a step that was cut off has left on another mount, and does not say to delete it first', async () => {
    const root = folderOf({
      ...{ 'main/..env.rekey-0a1b2c3d-0.old': line(), 'main/..env.rekey-0a1b2c3d-0.new': line() },
      'main/.main.env.rekey-0a1b2c3d-12.old': line(),
    });
    const { findings, services } = await discover(root);
    expect(services).toEqual([]);
    expect(findings.map(({ reason, file, fix }) => [reason, file, fix])).toEqual([
      ['LeftoverKey', 'main/..env.rekey-0a1b2c3d-0.new', undefined],
      ['LeftoverKey', 'main/..env.rekey-0a1b2c3d-0.old', undefined],
      ['LeftoverKey', 'main/.main.env.rekey-0a1b2c3d-12.old', undefined],
    ]);
    expect(findings[0]?.message).toMatch(/ends the step and removes it\. Delete it if it is still there after that/);
  });

  it('reports what it cannot read, and goes on', async () => {
    const root = folderOf({
      'main/.env': line(),
      'big/.env': Buffer.alloc(2 * 1024 * 1024, 'a').toString(),
      'wide/.env': line(),
    });
    put(root, { 'wide/.env': Buffer.from(line(), 'utf16le') });
    mkdirSync(join(root, 'pipe'));
    execFileSync('mkfifo', [join(root, 'pipe/.env')]);
    put(root, { 'shut/.env': line() });
    chmodSync(join(root, 'shut/.env'), 0);
    const { services, findings } = await discover(root);
    expect(services.map(({ name }) => name)).toContain('main');
    const unread = Object.fromEntries(findings.map(({ file, message }) => [file, message]));
    expect(unread['big/.env']).toMatch(/larger than/);
    expect(unread['wide/.env']).toMatch(/NUL byte|UTF-16/);
    // whoever is root may read everything
    if (process.getuid?.() !== 0) expect(unread['shut/.env']).toMatch(/you may not read it/);
  });

  it('enters no loop of links, and counts no file twice', async () => {
    const root = folderOf({ 'main/.env': line() });
    const outside = folderOf({ secret: line() });
    mkdirSync(join(root, 'admin'));
    symlinkSync(root, join(root, 'main/loop'));
    symlinkSync('../main/.env', join(root, 'admin/.env'));
    symlinkSync(join(outside, 'secret'), join(root, 'admin/.env.production'));
    symlinkSync('nowhere', join(root, 'admin/.env.staging'));
    const { services, findings } = await discover(root);
    expect(services.map(({ name, files }) => [name, files])).toEqual([['main', { development: 'main/.env' }]]);
    expect(findings.map(({ file, message }) => `${file}: ${message}`)).toEqual([
      expect.stringMatching(/^admin\/\.env: a symbolic link to main\/\.env: /),
      expect.stringMatching(/^admin\/\.env\.production: a symbolic link to a file outside of this folder/),
      expect.stringMatching(/^admin\/\.env\.staging: a symbolic link to nothing/),
    ]);
  });

  it('ends within its bounds, and says where it has not looked', async () => {
    const root = folderOf(Object.fromEntries(Array.from({ length: 12 }, (_, i) => [`s${i}/.env`, line()])));
    put(root, { 'a/b/c/d/.env': line() });
    const bounds = { folders: 100, entries: 100, depth: 3, files: 100 };
    const all = await walk(root, bounds);
    expect(all.files).toHaveLength(12);
    expect(all.unsearched).toEqual([{ path: 'a/b/c/d', why: 'it is more than 3 folders deep' }]);
    for (const few of [{ folders: 5 }, { entries: 5 }, { files: 5 }]) {
      const { files, unsearched } = await walk(root, { ...bounds, ...few });
      expect(files.length).toBeLessThan(12);
      expect(unsearched.map(({ why }) => why).join()).toMatch(/the search ended after/);
    }
  });
});
