/** Environments and services with names that every object of JavaScript has. `rekey` as a process. */
import { describe, expect, it } from 'vitest';
import { freshKey, repositoryWith } from '../../support/env/folder.ts';
import { rekeyForFile, stateOf } from '../../support/env/pair.ts';

const rekey = rekeyForFile();

describe('an environment called constructor', { timeout: 300_000 }, () => {
  const text = () => `JWT_SECRET_KEY=${freshKey()}\n`;

  it('is one like any other where it is found', async () => {
    const folder = repositoryWith({ '.gitignore': '.env*\n', 'main/.env.constructor': text(), 'admin/.env': text() });
    const all = await rekey.env(folder, 'status');
    expect([all.code, all.out + all.err]).toEqual([0, expect.not.stringContaining('internal error')]);
    const one = await rekey.env(folder, 'rotate', 'constructor', '--at-once', '--yes');
    expect([one.code, one.out + one.err]).toEqual([0, expect.stringMatching(/Restart main\b(?!.*admin)/)]);
    const words = ['--reloaded', String(stateOf(folder, 'constructor').keyset.version)];
    expect((await rekey.env(folder, 'continue', 'constructor', ...words)).out).toMatch(/Completed/);
  });

  it('is one like any other in rekey.yaml, where other services do not have it', async () => {
    const folder = repositoryWith({
      '.gitignore': '.env*\n',
      'rekey.yaml': `maxTokenTTL: 1h
sourceOfTruth: main
services:
  main: { names: [JWT_SECRET_KEY], files: { constructor: main/.env }, readsFallbacks: true }
  valueOf: { names: [JWT_SECRET_KEY], files: { constructor: other/.env }, readsFallbacks: true, roles: [Verifier] }
  admin: { names: [JWT_SECRET_KEY], files: { production: admin/.env }, readsFallbacks: true }
`,
      ...{ 'admin/.env': text(), 'main/.env': 'JWT_SECRET_KEY=aa8f3c61b05d9e27f4c1aa8f3c61b05d9e27f4c1\n' },
      'other/.env': 'JWT_SECRET_KEY=aa8f3c61b05d9e27f4c1aa8f3c61b05d9e27f4c1\n',
    });
    const { code, out, err } = await rekey.env(folder, 'rotate', 'constructor');
    // nobody has said that it was restarted
    expect([code, out + err]).toEqual([0, expect.stringMatching(/Restart main, valueOf\./)]);
  });
});
