/** A key goes into no file that Git keeps, whichever way the path leads there. Real repositories. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { assess } from '../../../src/env/assess.ts';
import { loadConfig, loadSetup } from '../../../src/env/config.ts';
import { readEnvironment } from '../../../src/env/environment.ts';
import { refuseCommitted } from '../../../src/env/guard.ts';
import { observe } from '../../../src/env/observe.ts';
import { freshKey, git, repositoryWith } from '../../support/env/folder.ts';

function linked(target: string, ignored = ''): string {
  const root = repositoryWith({
    '.gitignore': `.env*\n${ignored}`,
    'rekey.yaml':
      'maxTokenTTL: 1h\nservices:\n  main: { names: [JWT_SECRET_KEY], files: { production: main/.env.production } }\n',
    [target]: `JWT_SECRET_KEY=${freshKey()}\n`,
  });
  mkdirSync(join(root, 'main'));
  symlinkSync(join('..', target), join(root, 'main/.env.production'));
  return root;
}

const guarded = async (root: string) => refuseCommitted(await readEnvironment(await loadConfig(root), 'production'));
const found = async (root: string) => assess(await observe(await loadSetup(root)), Date.now()).findings;

describe('a symbolic link that Git ignores', () => {
  it('to a file that Git tracks is refused, and the commands that are named mend it', async () => {
    const root = linked('secrets/prod.txt');
    git(root, 'add', '-f', 'secrets/prod.txt');
    git(root, 'commit', '-qm', 'all');
    const message = await guarded(root).catch((error: Error) => error.message);
    expect(message).toContain('main/.env.production: Git tracks secrets/prod.txt, to which it leads. Run: ');
    const [finding] = (await found(root)).filter(({ reason }) => reason === 'TrackedByGit');
    expect(finding).toMatchObject({ file: 'main/.env.production', severity: 'error' });
    expect(finding?.fix).toEqual(['git rm --cached secrets/prod.txt', 'echo secrets/prod.txt >> .gitignore']);
    for (const command of finding?.fix ?? []) execFileSync('sh', ['-c', command], { cwd: root });
    await expect(guarded(root)).resolves.toBeUndefined();
  });

  it('to a file that Git does not ignore is refused', async () => {
    const root = linked('secrets/prod.txt');
    await expect(guarded(root)).rejects.toThrow(
      /Git does not ignore secrets\/prod\.txt, to which it leads\. Run: echo secrets\/prod\.txt >> \.gitignore/,
    );
    expect((await found(root)).map(({ reason }) => reason)).toContain('NotIgnoredByGit');
  });

  it('to a file that Git ignores is let through', async () => {
    await expect(guarded(linked('secrets/prod.txt', 'secrets/\n'))).resolves.toBeUndefined();
  });
});
