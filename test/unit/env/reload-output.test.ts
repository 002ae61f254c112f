/** What reload commands print: without end, in other encodings, and keys that others have written meanwhile. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { runFinder } from '../../../src/env/key-runs.ts';
import { reload } from '../../../src/env/reload.ts';
import { KeyMaterial } from '../../../src/rotation/secret/keys.ts';
import { freshKey } from '../../support/env/folder.ts';
import { rekeyForFile, twoServices } from '../../support/env/pair.ts';

const rekey = rekeyForFile();

it('a line without an end is taken in pieces, however long it is', { timeout: 120_000 }, async () => {
  let pieces = 0;
  let longest = 0;
  const command = "head -c 100000000 /dev/zero | tr '\\0' x; echo; echo last";
  const lines: string[] = [];
  await reload({ service: 'main', environment: 'production', command, folder: '/', withheld: [] }, (line) => {
    pieces += 1;
    longest = Math.max(longest, line.length);
    if (line.length < 10) lines.push(line);
  });
  expect(pieces).toBeGreaterThan(100);
  expect(longest).toBeLessThan(1_000_000);
  expect(lines.at(-1)).toBe('last');
});

it.each([
  ['a Buffer in JSON', (key: Buffer) => JSON.stringify(key)],
  ['UTF-16', (key: Buffer) => Buffer.from(key.toString(), 'utf16le').toString('latin1')],
  ['percent signs', (key: Buffer) => key.toString('hex').replaceAll(/../g, '%$&')],
  ['colons', (key: Buffer) => key.toString('hex').replaceAll(/../g, '$&:')],
  ['pieces in columns', (key: Buffer) => key.toString().replaceAll(/.{7}/g, '| $& |\n')],
])('a key is found as %s', (_, encoded) => {
  const key = Buffer.from(freshKey());
  const finds = runFinder([new KeyMaterial(Buffer.from(key))]);
  expect(finds(`before\n${encoded(key)}\nafter`)).toBe(true);
  expect(finds(`before\n${encoded(Buffer.from(freshKey()))}\nafter`)).toBe(false);
});

it('a key that somebody else has written while the command ran is not shown', { timeout: 120_000 }, async () => {
  const fresh = freshKey();
  const replace = `cp other main/.env.production; cp other admin/.env.production; fold -w 20 other`;
  const folder = twoServices({ main: `reload: "${replace}"`, admin: 'reload: "echo restarted"' });
  writeFileSync(join(folder, 'other'), `JWT_SECRET_KEY=${fresh}\n`);
  const { err, out } = await rekey.env(folder, 'rotate', 'production');
  expect(err).toContain('main: what it has printed is not shown');
  expect(`${err}${out}`).not.toContain(fresh.slice(4, 20));
});

it('a key in the command itself is not shown', { timeout: 120_000 }, async () => {
  const key = freshKey();
  const folder = twoServices({ main: `reload: "JWT=${key} true"`, admin: 'reload: "true"' });
  for (const name of ['main', 'admin']) writeFileSync(join(folder, name, '.env.production'), `JWT_SECRET_KEY=${key}\n`);
  const { err, out } = await rekey.env(folder, 'rotate', 'production');
  expect(out).toContain('main: JWT=[redacted] true');
  expect(`${err}${out}`).not.toContain(key);
});
