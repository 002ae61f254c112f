/** What must be known before a new key is staged. `rekey` runs as a process. */
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { rekeyForFile, stateOf, twoServices } from '../../support/env/pair.ts';

const rekey = rekeyForFile();

describe('a rotation does not begin', { timeout: 300_000 }, () => {
  it.each<[string, Readonly<Record<string, string>>, readonly string[], string]>([
    [
      'where no service signs',
      { main: 'roles: [Verifier]', admin: 'roles: [Verifier]' },
      [],
      'no service of production',
    ],
    [
      'on the word of a person, against rekey.yaml',
      { admin: 'readsFallbacks: false' },
      ['--reads-fallbacks'],
      'admin: rekey.yaml says readsFallbacks: false',
    ],
  ])('%s', async (_, more, options, message) => {
    const folder = twoServices(more);
    const before = readFileSync(join(folder, 'main/.env.production'), 'utf8');
    const { code, err } = await rekey.env(folder, 'rotate', 'production', ...options);
    expect([code, err]).toEqual([1, expect.stringContaining(message)]);
    expect(readFileSync(join(folder, 'main/.env.production'), 'utf8')).toBe(before);
  });

  it('where the life of the tokens is a guess', async () => {
    const folder = twoServices();
    rmSync(join(folder, 'rekey.yaml'));
    const { code, err } = await rekey.env(folder, 'rotate', 'production', '--reads-fallbacks');
    expect([code, err]).toEqual([1, expect.stringContaining('correct maxTokenTTL')]);
    expect(existsSync(join(folder, '.rekey/production.json'))).toBe(false);
    // a cutover gives up all tokens, however long they live
    expect((await rekey.env(folder, 'rotate', 'production', '--at-once', '--yes')).code).toBe(0);
    expect(stateOf(folder).keyset.phase).toBe('Switching');
  });
});
