/** A key that one environment has burnt is not taken over or kept accepted in another. `rekey` runs as a process. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { freshKey, repositoryWith } from '../../support/env/folder.ts';
import { EMERGENCY, rekeyForFile, stateOf } from '../../support/env/pair.ts';

const rekey = rekeyForFile();

const service = (name: string) =>
  `  ${name}: { names: [JWT_SECRET_KEY], readsFallbacks: true, files: { production: ${name}/.env.production, staging: ${name}/.env.staging } }`;
const STAGING = ['main/.env.staging', 'admin/.env.staging'];

/** @returns a folder whose production has burnt `key`; staging has these lines */
async function burntShop(key: string, main: string, admin: string): Promise<string> {
  const folder = repositoryWith({
    '.gitignore': '.env*\n',
    'rekey.yaml': `maxTokenTTL: 1h\nsourceOfTruth: main\nservices:\n${['main', 'admin'].map(service).join('\n')}\n`,
    'main/.env.production': `JWT_SECRET_KEY=${key}\n`,
    'admin/.env.production': `JWT_SECRET_KEY=${key}\n`,
    'main/.env.staging': main,
    'admin/.env.staging': admin,
  });
  await rekey.env(folder, ...EMERGENCY);
  return folder;
}

const textsOf = (folder: string) => STAGING.map((path) => readFileSync(join(folder, path), 'utf8'));
const signedBy = (key: string) => `JWT_SECRET_KEY=${key}\n`;

describe('a key that was burnt in production', { timeout: 300_000 }, () => {
  it('and signs in one service of staging, is not brought to the other', async () => {
    const [burnt, key] = [freshKey(), freshKey()];
    const folder = await burntShop(burnt, signedBy(key), signedBy(burnt));
    const before = textsOf(folder);
    const { code, err } = await rekey.env(folder, 'sync', 'staging');
    expect([code, textsOf(folder)]).toEqual([1, before]);
    expect(err).toMatch(/^admin\/\.env\.staging has a key that was burnt in production \(\w+\)/);
    expect(err).toContain('rekey env emergency staging --reason TEXT');
    expect(err).toContain('--discard');
    expect(err).not.toContain(burnt.slice(0, 12));
    expect((await rekey.env(folder, 'sync', 'staging', '--discard')).code).toBe(0);
    expect(textsOf(folder)).toEqual([signedBy(key), signedBy(key)]);
  });

  it('and signs in the source of truth of staging, is not brought to the other', async () => {
    const [burnt, key] = [freshKey(), freshKey()];
    const folder = await burntShop(burnt, signedBy(burnt), signedBy(key));
    const before = textsOf(folder);
    for (const flags of [[], ['--discard']]) {
      const { code, err } = await rekey.env(folder, 'sync', 'staging', ...flags);
      expect([code, textsOf(folder)]).toEqual([1, before]);
      expect(err).toMatch(/main\/\.env\.staging has a key that was burnt in production .*rekey env emergency staging/);
    }
  });

  it.each([
    [
      'is a fallback of one service',
      (key: string, burnt: string) => [`${signedBy(key)}JWT_SECRET_KEY_FALLBACKS=${burnt}\n`, signedBy(key)],
      true,
    ],
    ['signs everywhere', (_: string, burnt: string) => [signedBy(burnt), signedBy(burnt)], false],
  ] as const)('and %s, is not kept accepted by a rotation', async (_, textsFor, canDiscard) => {
    const [burnt, key] = [freshKey(), freshKey()];
    const [main = '', admin = ''] = textsFor(key, burnt);
    const folder = await burntShop(burnt, main, admin);
    const { code, err } = await rekey.env(folder, 'rotate', 'staging');
    expect([code, textsOf(folder)]).toEqual([1, [main, admin]]);
    expect(err).toContain('was burnt in production');
    expect(err).toContain('rekey env emergency staging --reason TEXT');
    expect(err.includes('rekey env sync staging --discard')).toBe(canDiscard);
    if (canDiscard) expect((await rekey.env(folder, 'sync', 'staging', '--discard')).code).toBe(0);
    else expect((await rekey.env(folder, 'emergency', 'staging', '--reason', 'burnt', '--yes')).code).toBe(0);
    expect(textsOf(folder).join()).not.toContain(burnt);
  });

  it('and was written by rekey in staging, is not put back into a file that has lost it', async () => {
    const key = freshKey();
    const folder = await burntShop(freshKey(), signedBy(key), signedBy(key));
    await rekey.env(folder, 'rotate', 'staging', '--at-once', '--yes');
    const [text = ''] = textsOf(folder);
    writeFileSync(join(folder, 'main/.env.production'), text);
    await rekey.env(folder, ...EMERGENCY);
    writeFileSync(join(folder, 'admin/.env.staging'), signedBy(freshKey()));
    const before = textsOf(folder);
    for (const flags of [[], ['--discard']]) {
      const { code, err } = await rekey.env(folder, 'sync', 'staging', ...flags);
      expect([code, textsOf(folder)]).toEqual([1, before]);
      expect(err).toMatch(/was burnt in production .*rekey env emergency staging --reason TEXT/);
    }
  });

  it.each([
    ['Staging', 0],
    ['Promoting', 1],
  ] as const)('while a rotation of staging is in %s, does not sign again by abort', async (phase, steps) => {
    const key = freshKey();
    const folder = await burntShop(freshKey(), signedBy(key), signedBy(key));
    const reloaded = () => ['continue', 'staging', '--reloaded', String(stateOf(folder, 'staging').keyset.version)];
    await rekey.env(folder, 'rotate', 'staging');
    for (let i = 0; i < steps; i++) await rekey.env(folder, ...reloaded());
    expect(stateOf(folder, 'staging').keyset.phase).toBe(phase);
    for (const path of ['main', 'admin']) writeFileSync(join(folder, path, '.env.production'), signedBy(key));
    await rekey.env(folder, ...EMERGENCY);
    const before = textsOf(folder);
    const { code, err } = await rekey.env(folder, 'abort', 'staging');
    expect([code, textsOf(folder), stateOf(folder, 'staging').keyset.phase]).toEqual([1, before, phase]);
    expect(err).toMatch(/^BurntKey: main\/\.env\.staging has a key that was burnt in production/);
    expect(err).toContain('To go on with the new key: rekey env continue staging');
    expect(err).toContain('rekey env emergency staging --reason TEXT');
    const on = await rekey.env(folder, ...reloaded());
    expect([on.code, on.err]).toEqual([0, expect.stringMatching(/^BurntKey: main.*emergency staging/)]);
    expect(stateOf(folder, 'staging').keyset.phase).not.toBe(phase);
  });
});
