import { mkdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import Ajv from 'ajv';
import { loadAll } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { loadConfig } from '../../../src/env/config.ts';
import { ConfigError } from '../../../src/env/fields.ts';
import { parseConfig } from '../../../src/env/parse-config.ts';
import { folderOf, freshKey, put, repositoryWith } from '../../support/env/folder.ts';
import { INVALID, REFUSED_BY_PARSER, VALID } from './config-examples.ts';

const DAY = 86_400_000;
const schema = JSON.parse(
  readFileSync(resolve(import.meta.dirname, '../../../docs/reference/rekey-yaml.schema.json'), 'utf8'),
) as object;
const fits = new Ajv.default({ strict: true, strictTypes: false, strictRequired: false }).compile(schema);
const refusal = (text: string) =>
  parseConfig(text, '/shop').then(
    () => 'accepted',
    (error: unknown) => (error instanceof ConfigError ? error.message : String(error)),
  );

describe('rekey.yaml', () => {
  it('means what it says', async () => {
    expect(await parseConfig(VALID.all ?? '', '/shop')).toEqual({
      root: '/shop',
      found: true,
      periodMs: 90 * DAY,
      maxTokenTtlMs: DAY,
      clockSkewMs: 0,
      slackMs: 5_400_000,
      keyBytes: 48,
      algorithm: 'HS384',
      fallbacksName: 'OLD_KEYS',
      sourceOfTruth: 'main',
      canaryClaims: { issuer: 'shop', audience: 'shop', claims: { roles: ['admin'], level: 3 } },
      services: [
        {
          name: 'main',
          names: ['JWT_SECRET_KEY'],
          files: { development: 'main/.env', production: 'main/.env.production' },
          roles: ['Signer', 'Verifier'],
          readsFallbacks: true,
          reload: { development: 'docker compose up -d main', production: 'docker compose up -d main' },
          canary: {
            development: 'http://127.0.0.1:8000/auth/verify?deep=1',
            production: 'http://127.0.0.1:8000/auth/verify?deep=1',
          },
          canaryRequest: {},
        },
        {
          name: 'admin.web-2',
          names: ['JWT_SECRET', 'SECRET_KEY'],
          files: { production: 'admin/.env.production', qa_2: 'admin/.env qa' },
          roles: ['Verifier'],
          readsFallbacks: false,
          reload: { production: 'systemctl restart admin' },
          canary: { qa_2: 'https://qa.example.com/verify' },
          canaryRequest: {
            ...{ method: 'POST', token: { in: 'Body' }, body: 'token=$(TOKEN)', host: 'qa.example.com' },
            contentType: 'application/x-www-form-urlencoded',
            headers: [{ name: 'X-Tenant', value: 'shop' }],
            ...{ insecureSkipTLSVerify: true, acceptStatuses: [206], refuseStatuses: [302] },
            response: { accepted: { pointer: '/active', value: true }, refused: { pointer: '/active', value: false } },
          },
        },
      ],
    });
  });

  it('has defaults, and what nobody said stays unknown', async () => {
    const config = await parseConfig(VALID['the least'] ?? '', '/shop');
    expect(config).toMatchObject({ periodMs: 90 * DAY, clockSkewMs: 60_000, keyBytes: 32, algorithm: 'HS256' });
    expect(config).toMatchObject({ fallbacksName: 'JWT_SECRET_KEY_FALLBACKS', sourceOfTruth: 'main' });
    expect(config).not.toHaveProperty('slackMs');
    expect(config.services[0]).toMatchObject({ roles: ['Signer', 'Verifier'], reload: {}, canary: {} });
    expect(config.services[0]).not.toHaveProperty('readsFallbacks');
  });

  it.each(Object.entries(VALID))('may be %s, for the parser and for editors', async (_, text) => {
    expect(await refusal(text)).toBe('accepted');
    expect(fits(loadAll(text)[0]), JSON.stringify(fits.errors)).toBe(true);
  });

  it.each(Object.entries(INVALID))('may not be %s, for both', async (_, [text, message]) => {
    expect(await refusal(text)).toMatch(message);
    expect(fits(loadAll(text)[0])).toBe(false);
  });

  it.each(Object.entries(REFUSED_BY_PARSER))('may not be %s, for the parser', async (_, [text, message]) => {
    expect(await refusal(text)).toMatch(message);
  });

  it('has all its mistakes reported at once, by line', async () => {
    const text = 'perid: 1d\nmaxTokenTTL: 1\nservices: { main: { names: [A], files: { production: /x } } }\n';
    expect((await refusal(text)).split('\n').map((line) => line.split(' ').slice(0, 2).join(' '))).toEqual([
      'rekey.yaml:1: perid:',
      'rekey.yaml:2: maxTokenTTL:',
      'rekey.yaml:3: services.main.files.production:',
    ]);
  });

  it('shows no key that was pasted into it', async () => {
    const key = freshKey();
    const everywhere = `${key}: ${key}\nmaxTokenTTL: ${key}\nsourceOfTruth: ${key}\nservices:\n  main:\n    names: [${key}, "x=${key}"]\n    files: { production: /${key}, ${key}: ../${key} }\n`;
    const message = await refusal(everywhere);
    expect(message.split('\n').length).toBeGreaterThan(4);
    expect(message).not.toContain(key.slice(0, 12));
  });
});

describe('the configuration of a folder', () => {
  const yaml = VALID['the least'] ?? '';
  const env = { 'main/.env': `JWT_SECRET_KEY=${freshKey()}\n` };

  it('is that of the next rekey.yaml above, up to the root of the repository', async () => {
    const root = repositoryWith({ 'rekey.yaml': yaml, ...env });
    expect(await loadConfig(join(root, 'main'))).toMatchObject({ root, found: true });
  });

  it('is found where there is no rekey.yaml, for the whole repository', async () => {
    const root = repositoryWith({ ...env, 'admin/.env': env['main/.env'] });
    const config = await loadConfig(join(root, 'admin'));
    expect(config).toMatchObject({ root, found: false, sourceOfTruth: 'main', periodMs: 90 * DAY, maxTokenTtlMs: DAY });
    expect(config.services.map(({ name, roles }) => [name, roles])).toEqual([
      ['main', ['Signer', 'Verifier']],
      ['admin', ['Signer', 'Verifier']],
    ]);
  });

  it('is not taken from above the repository, or where there is none', async () => {
    const outer = folderOf({ 'rekey.yaml': yaml });
    put(outer, { 'plain/main/.env': env['main/.env'], 'repo/main/.env': env['main/.env'] });
    mkdirSync(join(outer, 'repo/.git'));
    expect(await loadConfig(join(outer, 'plain'))).toMatchObject({ root: join(outer, 'plain'), found: false });
    expect(await loadConfig(join(outer, 'repo/main'))).toMatchObject({ root: join(outer, 'repo'), found: false });
    expect(await loadConfig(outer)).toMatchObject({ root: outer, found: true });
  });

  it('is an error, not a search, where there is a file that cannot be it', async () => {
    await expect(loadConfig(folderOf({ 'rekey.yml': yaml }))).rejects.toThrow('rename it to rekey.yaml');
    await expect(loadConfig(folderOf({ 'rekey.yaml': '' }))).rejects.toThrow('rekey.yaml:1');
    const folder = folderOf();
    mkdirSync(join(folder, 'rekey.yaml'));
    await expect(loadConfig(folder)).rejects.toThrow('it is a folder');
  });
});
