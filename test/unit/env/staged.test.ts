import { spawnSync } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { chmodSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { loadConfig } from '../../../src/env/config.ts';
import { checkStaged } from '../../../src/env/staged.ts';
import { folderOf, freshKey, git, put, repositoryWith } from '../../support/env/folder.ts';

afterEach(() => void vi.unstubAllEnvs());

const key = freshKey();
const line = (value = key, name = 'JWT_SECRET_KEY') => `${name}=${value}\n`;
const findingsOf = async (root: string, environment?: string) =>
  (await checkStaged(await loadConfig(root), root, environment)).findings;
const hits = async (root: string) =>
  (await findingsOf(root)).map(({ reason, file, line: at, name = '', message }) => [reason, file, at, name, message]);

/** Whose .gitignore keeps the .env files out. */
const shop = (
  staged: Readonly<Record<string, string | Buffer>>,
  env: Readonly<Record<string, string>> = { 'main/.env.production': line() },
) => {
  const root = repositoryWith({ '.gitignore': '.env*\n.rekey\n', ...env });
  put(root, staged);
  git(root, 'add', '-f', ...Object.keys(staged));
  return root;
};

describe('a staged file', () => {
  it('may hold no key that is in use, wherever it stands', async () => {
    const root = shop({
      'notes.md': `first\nthe key is ${key}, do not share\n`,
      'image.bin': Buffer.concat([Buffer.from([0, 255, 10, 10]), Buffer.from(key), Buffer.from([0])]),
      'clean.txt': 'nothing\n',
    });
    const message = 'holds the key of production (main/.env.production)';
    expect(await hits(root)).toEqual([
      ['StagedKey', 'image.bin', 3, '', message],
      ['StagedKey', 'notes.md', 2, '', message],
    ]);
  });

  it('may hold none in base64, as Kubernetes keeps it, and none of the fallbacks', async () => {
    const [old, older] = [freshKey(), freshKey()];
    const root = shop(
      { 'secret.yaml': `data:\n  key: ${Buffer.from(key).toString('base64')}\n`, 'old.txt': `x ${older}\n` },
      { 'main/.env.production': line() + line(`${old},${older}`, 'JWT_SECRET_KEY_FALLBACKS') },
    );
    expect((await hits(root)).map(([, file, at]) => [file, at])).toEqual([
      ['old.txt', 1],
      ['secret.yaml', 2],
    ]);
  });

  it('may hold none that only the state knows, by its fingerprint', async () => {
    const gone = freshKey();
    const fp = createHmac('sha256', gone).update('rekey.dev/fingerprint/v1').digest('hex').slice(0, 16);
    const root = shop(
      { 'a.txt': `\n"${gone}"\n` },
      { 'main/.env': line(), '.rekey/production.json': JSON.stringify({ burnt: [{ kid: 'k-1', fp }] }) },
    );
    expect(await hits(root)).toEqual([
      ['StagedKey', 'a.txt', 2, '', 'holds a key that rekey knows by its fingerprint'],
      [
        'NotSearched',
        '.rekey/production.json',
        undefined,
        '',
        'not searched for all keys that rekey remembers of production: the file cannot be used',
      ],
    ]);
  });

  it('is searched for the keys that are known, and the files whose keys are not are named', async () => {
    const yaml = `maxTokenTTL: 1h\nsourceOfTruth: main\nservices:\n  main: { names: [JWT_SECRET_KEY], files: { production: main/.env.production } }\n`;
    const root = shop(
      { 'a.txt': 'nothing\n' },
      { 'rekey.yaml': yaml, 'main/.env.production': 'JWT_SECRET_KEY=a\0b\n' },
    );
    expect((await hits(root)).map(([reason, file]) => [reason, file])).toEqual([
      ['NotSearched', 'main/.env.production'],
    ]);
  });

  it('may assign no value to a name of a key, unless it is a template with a placeholder', async () => {
    const root = shop({
      'main/.env.staging': `PORT=1\n${line('changeme')}`,
      'admin/.env': line('', 'JWT_SECRET'),
      'main/.env.example': line('change-me'),
      'admin/.env.example': line(freshKey(), 'JWT_SECRET'),
      'compose.yaml': `environment:\n  JWT_SECRET: "${freshKey()}"\n  CLERK_SECRET_KEY: ${freshKey()}\n`,
      'settings.py':
        "SECRET_KEY = 'change-me-please-to-a-real-one'\nJWT_SECRET_KEY = os.environ['JWT_SECRET_KEY_OF_PRODUCTION']\n",
      // biome-ignore lint/suspicious/noTemplateCurlyInString: of GitHub Actions
      'ci.yaml': 'env:\n  JWT_SECRET_KEY: ${{ secrets.JWT_SECRET_KEY }}\n',
    });
    expect(await hits(root)).toEqual([
      ['StagedKey', 'admin/.env.example', 1, 'JWT_SECRET', 'assigns a value to JWT_SECRET'],
      ['StagedKey', 'compose.yaml', 2, 'JWT_SECRET', 'assigns a value to JWT_SECRET'],
      ['StagedKey', 'main/.env.staging', 2, 'JWT_SECRET_KEY', 'assigns a value to JWT_SECRET_KEY'],
    ]);
  });

  it('is judged as it is staged, not as it lies there', async () => {
    const root = shop({ 'a.txt': key });
    put(root, { 'a.txt': 'clean' });
    expect(await hits(root)).toHaveLength(1);
    git(root, 'add', 'a.txt');
    put(root, { 'a.txt': key });
    expect(await hits(root)).toEqual([]);
  });

  it('is not held up by a word that is the key of a careless service', async () => {
    const root = shop({ 'readme.md': 'change me if you like changeme\n' }, { 'main/.env': line('changeme') });
    expect(await hits(root)).toEqual([]);
  });

  it('is looked at for the keys of one environment, if that is asked', async () => {
    const root = shop({ 'a.txt': key }, { 'main/.env.production': line(), 'main/.env': line(freshKey()) });
    expect(await findingsOf(root, 'development')).toEqual([]);
    expect(await findingsOf(root, 'production')).toHaveLength(1);
  });

  it('has a command that takes it out again, before the first commit and after it', async () => {
    const root = shop({ "it's.txt": key });
    const fixes = async () => (await findingsOf(root)).flatMap(({ fix = [] }) => fix);
    expect(await fixes()).toEqual([String.raw`git rm --cached -- 'it'\''s.txt'`]);
    git(root, 'commit', '-qm', 'oh', '--no-verify');
    put(root, { 'b.txt': key });
    git(root, 'add', 'b.txt');
    expect(await fixes()).toEqual(['git restore --staged -- b.txt']);
    git(root, 'restore', '--staged', '--', 'b.txt');
    expect(await fixes()).toEqual([]);
  });

  it('is said not to be searched where it is too large', async () => {
    const root = shop({ 'large.bin': Buffer.alloc(5 * 1024 * 1024) });
    expect(await findingsOf(root)).toEqual([
      expect.objectContaining({ reason: 'NotSearched', severity: 'warning', file: 'large.bin' }),
    ]);
  });

  it('is unknown, which is an error, without a repository or without git', async () => {
    const folder = folderOf({ 'main/.env': line() });
    await expect(checkStaged(await loadConfig(folder), folder)).rejects.toThrow('is not in a Git repository');
    const root = repositoryWith({ 'main/.env': line() });
    vi.stubEnv('PATH', folderOf());
    await expect(checkStaged(await loadConfig(root), root)).rejects.toThrow('git is not installed');
  });
});

describe('a pre-commit hook', () => {
  it('keeps a key out of a commit, of whatever index the commit is made', () => {
    const root = shop({ 'clean.txt': 'x', 'tracked.txt': 'x' });
    put(root, {
      '.git/hooks/pre-commit': `#!/bin/sh\nexec ${process.execPath} ${resolve(import.meta.dirname, '../../../src/rekey.ts')} env check --staged\n`,
    });
    chmodSync(join(root, '.git/hooks/pre-commit'), 0o755);
    const commit = (...args: string[]) => {
      const identity = ['-c', 'user.name=Test', '-c', 'user.email=test@example.com'];
      const { status, stdout, stderr } = spawnSync('git', [...identity, 'commit', '-m', 'x', ...args], {
        cwd: root,
        encoding: 'utf8',
      });
      return { status, text: stdout + stderr };
    };
    expect(commit()).toMatchObject({ status: 0 });
    // git commit FILE makes an index of its own
    put(root, { 'tracked.txt': `x\n${key}\n` });
    const refused = commit('tracked.txt');
    expect(refused.status).toBe(1);
    expect(refused.text).toContain(
      'tracked.txt:2: error: holds the key of production (main/.env.production) [StagedKey]',
    );
    expect(refused.text).not.toContain(key.slice(0, 8));
    put(root, { 'tracked.txt': 'y' });
    expect(commit('-a')).toMatchObject({ status: 0 });
  });
});
