/** A key that was burnt, and that is in a file all the same: in another environment, another name, a comment. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { freshKey, repositoryWith } from '../../support/env/folder.ts';
import { EMERGENCY, rekeyForFile, reloadedOf } from '../../support/env/pair.ts';

const rekey = rekeyForFile();

const CONFIG = `maxTokenTTL: 1h
sourceOfTruth: main
services:
  main:
    names: [JWT_SECRET_KEY]
    files: { production: main/.env.production, staging: main/.env.staging }
`;

const shop = (production: string, staging: string) =>
  repositoryWith({
    '.gitignore': '.env*\n',
    'rekey.yaml': CONFIG,
    'main/.env.production': production,
    'main/.env.staging': staging,
  });

async function findingsOf(folder: string) {
  const { out } = await rekey.env(folder, 'check', '-o', 'json');
  const { findings } = JSON.parse(out) as { readonly findings: readonly Readonly<Record<string, unknown>>[] };
  return findings.filter(({ reason }) => reason === 'BurntKey');
}

describe('a burnt key', { timeout: 300_000 }, () => {
  it('that another environment uses is named before and after, and is an error until it is burnt there too', async () => {
    const key = freshKey();
    const folder = shop(`JWT_SECRET_KEY=${key}\n`, `PORT=1\nJWT_SECRET_KEY=${key}\n`);
    const asked = await rekey.env(folder, 'emergency', 'production', '--reason', 'leaked');
    expect(asked.code).toBe(2);
    expect(asked.err).toMatch(
      /The files of staging use the same key, .*:\n {2}main\/\.env\.staging:2 JWT_SECRET_KEY\n {2}\$ rekey env emergency staging --reason TEXT\n/,
    );
    const burnt = await rekey.env(folder, ...EMERGENCY);
    expect(burnt.err).toMatch(
      /The files of staging still use a burnt key, .*:\n {2}main\/\.env\.staging:2 JWT_SECRET_KEY\n/,
    );
    const over = await rekey.env(folder, 'continue', 'production', ...reloadedOf(folder));
    expect(over.out).toMatch(/the emergency is over since .*inferred/);
    expect(over.err).toContain('The files of staging still use a burnt key');
    expect((await rekey.env(folder, 'status')).code).toBe(3);
    expect(await findingsOf(folder)).toEqual([
      expect.objectContaining({
        severity: 'error',
        environment: 'staging',
        alsoIn: ['production'],
        ...{ file: 'main/.env.staging', line: 2, name: 'JWT_SECRET_KEY' },
        fix: ["rekey env emergency staging --reason 'its key was burnt in production'"],
      }),
    ]);
    await rekey.env(folder, 'emergency', 'staging', '--reason', 'leaked', '--yes');
    expect(await findingsOf(folder)).toEqual([]);
    expect([asked, burnt, over].map(({ out, err }) => out + err).join()).not.toContain(key.slice(0, 12));
  });

  it('that is left in other lines is listed by line and name, and is an error until it is gone', async () => {
    const key = freshKey();
    const rest = `AUTH_SECRET='${key}'\n# JWT_SECRET_KEY=${key}\n# was ${Buffer.from(key).toString('base64')}\nLIST=a,${key}\n`;
    const folder = shop(`JWT_SECRET_KEY=${key}\n${rest}`, `JWT_SECRET_KEY=${freshKey()}\n`);
    const { err } = await rekey.env(folder, ...EMERGENCY);
    expect(err).toContain(
      [
        'Burnt keys still stand in these lines; remove them:',
        '  main/.env.production:2 AUTH_SECRET',
        '  main/.env.production:3 JWT_SECRET_KEY, in a comment',
        '  main/.env.production:4',
        '  main/.env.production:5 LIST\n',
      ].join('\n'),
    );
    const found = await findingsOf(folder);
    expect(found.map(({ line, name, fix }) => [line, name, fix])).toEqual([
      [2, 'AUTH_SECRET', undefined],
      [3, 'JWT_SECRET_KEY', undefined],
      [4, undefined, undefined],
      [5, 'LIST', undefined],
    ]);
    const path = join(folder, 'main/.env.production');
    writeFileSync(path, `${readFileSync(path, 'utf8').split('\n')[0]}\n`);
    expect(await findingsOf(folder)).toEqual([]);
  });

  it('that a backup has brought back into all files is not taken over: an emergency replaces it', async () => {
    const text = `JWT_SECRET_KEY=${freshKey()}\n`;
    const folder = shop(text, `JWT_SECRET_KEY=${freshKey()}\n`);
    const path = join(folder, 'main/.env.production');
    await rekey.env(folder, ...EMERGENCY);
    await rekey.env(folder, 'continue', 'production', ...reloadedOf(folder));
    writeFileSync(path, text);
    const [found] = await findingsOf(folder);
    expect(found?.fix).toEqual(["rekey env emergency production --reason 'its key was burnt in production'"]);
    const { code, err } = await rekey.env(folder, 'sync', 'production');
    expect([code, readFileSync(path, 'utf8')]).toEqual([1, text]);
    expect(err).toMatch(/BurntKey: main.*burnt in production.*rekey env emergency production --reason TEXT/);
    expect(err).not.toContain('remove');
    // nor may one that nobody has burnt: the way would forget which keys were
    writeFileSync(path, `JWT_SECRET_KEY=${freshKey()}\n`);
    const other = await rekey.env(folder, 'sync', 'production', '--discard');
    expect(other.err).toContain('rekey env emergency production --reason TEXT');
    expect(other.err).not.toContain('remove');
    writeFileSync(path, text);
    expect((await rekey.env(folder, ...EMERGENCY)).code).toBe(0);
    expect(readFileSync(path, 'utf8')).not.toContain(text);
    expect(await findingsOf(folder)).toEqual([]);
  });

  it('that can be guessed is found exactly after the burn, and later called likely', async () => {
    const folder = shop('JWT_SECRET_KEY=changeme372\nOTHER=changeme372\n', 'JWT_SECRET_KEY=changeme372\n');
    const { err } = await rekey.env(folder, ...EMERGENCY);
    expect(err).toContain('  main/.env.production:2 OTHER\n');
    expect(err).not.toContain('may be another');
    const [found, ...others] = await findingsOf(folder);
    expect(others).toEqual([]);
    expect(found).toMatchObject({ file: 'main/.env.staging', message: expect.stringContaining('may be another') });
  });
});
