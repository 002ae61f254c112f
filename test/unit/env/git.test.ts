import { randomUUID } from 'node:crypto';
import { mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { gitFacts, repositoryOf } from '../../../src/env/git.ts';
import { hasCommit, stagedBlobs } from '../../../src/env/git-staged.ts';
import { folderOf, git, put, repositoryWith } from '../../support/env/folder.ts';

afterEach(() => void vi.unstubAllEnvs());

/** A PATH without git in it. */
const withoutGit = () => vi.stubEnv('PATH', folderOf());

describe('what Git says of a file', () => {
  it('is tracked, ignored, both or neither', async () => {
    const root = repositoryWith({
      '.gitignore': 'ignored.env\nboth.env\n',
      'a b/tracked.env': '',
      'ignored.env': '',
      'both.env': '',
    });
    put(root, { ':(glob)odd*.env': '', 'neither.env': '' });
    git(root, '--literal-pathspecs', 'add', '-f', 'a b/tracked.env', 'both.env', ':(glob)odd*.env');
    const of = async (path: string) => (await gitFacts([join(root, path)])).get(join(root, path));
    expect(await of('a b/tracked.env')).toEqual({ tracked: 'yes', ignored: 'no', repository: root });
    expect(await of('ignored.env')).toEqual({ tracked: 'no', ignored: 'yes', repository: root });
    expect(await of('both.env')).toEqual({ tracked: 'yes', ignored: 'yes', repository: root });
    expect(await of('neither.env')).toEqual({ tracked: 'no', ignored: 'no', repository: root });
    expect(await of(':(glob)odd*.env')).toEqual({ tracked: 'yes', ignored: 'no', repository: root });
  });

  it('is the worse one of a link and of what it leads to, also in another repository', async () => {
    const [root, other] = [repositoryWith({ '.gitignore': '.env*\n', 'main/.env.fine': '' }), repositoryWith()];
    put(root, { 'secrets/tracked.txt': '', 'secrets/free.txt': '', 'secrets/.env.ignored': '' });
    put(other, { 'tracked.txt': '' });
    git(root, 'add', '-f', 'secrets/tracked.txt');
    git(other, 'add', '-f', 'tracked.txt');
    const linked = async (target: string) => {
      const link = join(root, 'main', `.env.${randomUUID()}`);
      symlinkSync(target, link);
      return (await gitFacts([link])).get(link);
    };
    const tracked = { tracked: 'yes', ignored: 'no', repository: root, target: join(root, 'secrets/tracked.txt') };
    expect(await linked('../secrets/tracked.txt')).toEqual(tracked);
    expect(await linked('../secrets/free.txt')).toMatchObject({ tracked: 'no', ignored: 'no', repository: root });
    expect(await linked(join(other, 'tracked.txt'))).toMatchObject({ tracked: 'yes', repository: other });
    expect(await linked('../secrets/.env.ignored')).toEqual({ tracked: 'no', ignored: 'yes', repository: root });
    expect(await linked('nowhere')).toEqual({ tracked: 'no', ignored: 'yes', repository: root });
  });

  it('is asked of the repository that the file is in, of several side by side', async () => {
    const root = repositoryWith({ 'main/.env': '', 'admin/.env': '' });
    git(join(root, 'main'), 'init', '-q');
    git(join(root, 'main'), 'add', '-f', '.env');
    const facts = await gitFacts([join(root, 'main/.env'), join(root, 'admin/.env')]);
    expect(facts.get(join(root, 'main/.env'))).toMatchObject({ tracked: 'yes', repository: join(root, 'main') });
    expect(facts.get(join(root, 'admin/.env'))).toMatchObject({ tracked: 'no', repository: root });
  });

  it.each([
    ['whose HEAD is missing', (root: string) => rmSync(join(root, '.git/HEAD'))],
    [
      'that was moved away from its worktree',
      (root: string) => {
        rmSync(join(root, '.git'), { recursive: true });
        put(root, { '.git': 'gitdir: /nowhere/.git/worktrees/x\n' });
      },
    ],
    [
      'whose .git is a link to nothing',
      (root: string) => {
        rmSync(join(root, '.git'), { recursive: true });
        symlinkSync('/nowhere/shop.git', join(root, '.git'));
      },
    ],
  ])('is not known, in a repository %s', async (_, spoil) => {
    const root = repositoryWith({ 'main/.env': '' });
    spoil(root);
    const facts = (await gitFacts([join(root, 'main/.env')])).get(join(root, 'main/.env'));
    expect(facts).toMatchObject({ tracked: 'unknown', why: expect.stringContaining(join(root, '.git')) });
  });

  it('is that of its repository, whatever the ceiling of Git', async () => {
    const root = repositoryWith({ 'main/.env': '' });
    git(root, 'add', '-f', 'main/.env');
    vi.stubEnv('GIT_CEILING_DIRECTORIES', root);
    const facts = await gitFacts([join(root, 'main/.env')]);
    expect(facts.get(join(root, 'main/.env'))).toMatchObject({ tracked: 'yes', repository: root });
  });

  it('is no, where there is no repository', async () => {
    const folder = folderOf({ '.env': '' });
    expect(await repositoryOf(folder)).toEqual({ kind: 'None' });
    expect((await gitFacts([join(folder, '.env')])).get(join(folder, '.env'))).toEqual({
      tracked: 'no',
      ignored: 'no',
    });
  });

  it('is unknown without git, and never a yes', async () => {
    const root = repositoryWith({ '.env': '' });
    withoutGit();
    expect(await repositoryOf(root)).toEqual({ kind: 'Unknown', why: 'git is not installed' });
    const facts = (await gitFacts([join(root, '.env')])).get(join(root, '.env'));
    expect(facts).toEqual({ tracked: 'unknown', ignored: 'unknown', why: 'git is not installed' });
  });

  it('is known to be none without git, where no folder above is one', async () => {
    const folder = folderOf();
    withoutGit();
    expect(await repositoryOf(folder)).toEqual({ kind: 'None' });
    mkdirSync(join(folder, '.git'));
    mkdirSync(join(folder, 'below'));
    expect(await repositoryOf(join(folder, 'below'))).toEqual({ kind: 'Unknown', why: 'git is not installed' });
  });

  it('is unknown where the repository is broken, with the words of Git', async () => {
    const root = repositoryWith({ '.env': '' });
    put(root, { '.git/config': '[core\n' });
    const repository = await repositoryOf(root);
    expect(repository).toMatchObject({ kind: 'Unknown', why: expect.stringContaining('bad config') });
  });

  it('is that of its own repository in a hook of another one', async () => {
    const [root, other] = [repositoryWith({ '.env': '' }), repositoryWith()];
    git(root, 'add', '-f', '.env');
    vi.stubEnv('GIT_DIR', join(other, '.git'));
    vi.stubEnv('GIT_INDEX_FILE', join(other, '.git/index'));
    expect((await gitFacts([join(root, '.env')])).get(join(root, '.env'))).toMatchObject({
      tracked: 'yes',
      repository: root,
    });
  });
});

describe('what is staged', () => {
  it('is the content of the index, before the first commit and after it', async () => {
    const root = repositoryWith({ 'a.txt': 'staged', 'odd\nname': 'x' });
    git(root, 'add', '.');
    put(root, { 'a.txt': 'changed since' });
    expect(await hasCommit(root)).toBe(false);
    const texts = async () => (await stagedBlobs(root)).blobs.map(({ path, bytes }) => [path, bytes?.toString()]);
    expect(await texts()).toEqual([
      ['a.txt', 'staged'],
      ['odd\nname', 'x'],
    ]);
    git(root, 'commit', '-qm', 'first');
    expect(await hasCommit(root)).toBe(true);
    expect(await texts()).toEqual([]);
    git(root, 'add', '.');
    git(root, 'rm', '-q', '--cached', 'odd\nname');
    expect(await texts()).toEqual([['a.txt', 'changed since']]);
  });

  it('is read in many pieces, and not where it is too large', async () => {
    const root = repositoryWith({ large: Buffer.alloc(5 * 1024 * 1024) });
    put(root, Object.fromEntries(Array.from({ length: 40 }, (_, i) => [`file${i}`, `content ${i}\n\n`])));
    git(root, 'add', '.');
    const { blobs, rest } = await stagedBlobs(root);
    expect(rest).toBe(0);
    expect(blobs).toHaveLength(41);
    const wrong = blobs.filter(
      ({ path, bytes }) => path !== 'large' && bytes?.toString() !== `content ${path.slice(4)}\n\n`,
    );
    expect(wrong).toEqual([]);
    expect(blobs.find(({ path }) => path === 'large')?.bytes).toBeUndefined();
  });

  it('is an error with the words of Git, not an empty list', async () => {
    const root = repositoryWith({ a: 'x' });
    git(root, 'add', '.');
    put(root, { '.git/index': 'no index' });
    await expect(stagedBlobs(root)).rejects.toThrow(/git diff --cached: git says/);
  });
});
