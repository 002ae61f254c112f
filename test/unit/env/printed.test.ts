/** What a reload command prints of the key is hidden, of the new one and of the old one. `rekey` as a process. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { EMERGENCY, rekeyForFile, twoServices } from '../../support/env/pair.ts';

const rekey = rekeyForFile();

it('a reload command that prints keys reveals none of them', { timeout: 300_000 }, async () => {
  const print = 'cat main/.env.production; echo was changeme-old-word; base64 -w0 main/old';
  const folder = twoServices({ main: `reload: "${print}"`, admin: `reload: "${print}"` });
  const old = 'changeme-old-word';
  for (const name of ['main', 'admin']) writeFileSync(join(folder, name, '.env.production'), `JWT_SECRET_KEY=${old}\n`);
  writeFileSync(join(folder, 'main/old'), old);
  const { err } = await rekey.env(folder, 'rotate', 'production', '--at-once', '--yes');
  expect(err).not.toContain('piece of a key');
  const [, fresh = ''] = /=(.*)/.exec(readFileSync(join(folder, 'main/.env.production'), 'utf8')) ?? [];
  expect(fresh).toMatch(/^[0-9a-f]{64}$/);
  expect(err).toContain('JWT_SECRET_KEY=[redacted]');
  expect(err).toContain('was [redacted]');
  for (const shown of [fresh.slice(0, 12), old, Buffer.from(old).toString('base64').replace(/=+$/, '')])
    expect(err).not.toContain(shown);
});

it('nor in lines of any length', { timeout: 300_000 }, async () => {
  const print =
    'echo begun; xxd main/.env.production; base64 -w 9 main/.env.production; fold -w 7 main/.env.production';
  const folder = twoServices({ main: `reload: "${print}"`, admin: 'reload: "echo restarted"' });
  const { err } = await rekey.env(folder, ...EMERGENCY);
  expect(err).toContain('    main: what it has printed is not shown, since there may be a piece of a key in it\n');
  expect(err).toContain('    admin: restarted\n');
  expect(err).not.toContain('begun');
  const text = readFileSync(join(folder, 'main/.env.production'));
  for (const piece of [text.toString('base64').slice(36, 45), text.toString('utf8').slice(21, 28)])
    expect(err).not.toContain(piece);
});
