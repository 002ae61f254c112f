/** What a reload command prints of the key is hidden, of the new one and of the old one. `rekey` as a process. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { rekeyForFile, twoServices } from '../../support/env/pair.ts';

const rekey = rekeyForFile();

it('a reload command that prints keys reveals none of them', { timeout: 300_000 }, async () => {
  const print = 'cat main/.env.production; echo was changeme-old-word; base64 -w0 main/old';
  const folder = twoServices({ main: `reload: "${print}"`, admin: `reload: "${print}"` });
  const old = 'changeme-old-word';
  for (const name of ['main', 'admin']) writeFileSync(join(folder, name, '.env.production'), `JWT_SECRET_KEY=${old}\n`);
  writeFileSync(join(folder, 'main/old'), old);
  const { err } = await rekey.env(folder, 'rotate', 'production', '--at-once', '--yes');
  const [, fresh = ''] = /=(.*)/.exec(readFileSync(join(folder, 'main/.env.production'), 'utf8')) ?? [];
  expect(fresh).toMatch(/^[0-9a-f]{64}$/);
  expect(err).toContain('JWT_SECRET_KEY=[redacted]');
  expect(err).toContain('was [redacted]');
  for (const shown of [fresh.slice(0, 12), old, Buffer.from(old).toString('base64').replace(/=+$/, '')])
    expect(err).not.toContain(shown);
});
