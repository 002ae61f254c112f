import { describe, expect, it } from 'vitest';
import { fileKindOf, serviceNames } from '../../../src/env/filename.ts';

const env = (service: string, environment?: string, local = false) => ({ kind: 'Env', service, environment, local });

describe('the path of a file', () => {
  it.each([
    ['.env', env('')],
    ['main/.env', env('main')],
    ['apps/main/.env.production', env('apps/main', 'production')],
    ['main/.env.prod', env('main', 'production')],
    ['main/.env.STAGE', env('main', 'staging')],
    ['main/.env.dev', env('main', 'development')],
    ['main/.env.test', env('main', 'test')],
    ['main/.env.qa', env('main', 'qa')],
    ['main/.env.local', env('main', undefined, true)],
    ['main/.env.production.local', env('main', 'production', true)],
    ['main/.env-production', env('main', 'production')],
    ['main/config/.env.staging', env('main', 'staging')],
    ['env/production/main.env', env('main', 'production')],
    ['main/env/prod/.env', env('main', 'production')],
    ['main/production.env', env('main', 'production')],
    ['main.staging.env', env('main', 'staging')],
    ['test/.env', env('test')],
  ])('%s names a service and an environment', (path, kind) => {
    expect(fileKindOf(path)).toEqual(kind);
  });

  it.each([
    '.env.example',
    'main/.env.sample',
    '.env.template',
    '.env.dist',
    '.env.production.example',
    'example.env',
    '.env.example.bak',
  ])('%s is a template', (path) => expect(fileKindOf(path)).toEqual({ kind: 'Template' }));

  it.each([
    ...[
      '.env.bak',
      'main/.env.production.old',
      '.env~',
      '.env.production~',
      '..env.swp',
      '.env.bak2',
      '.env.backup-2026',
    ],
    ...['.env.20261129', '.env-old', '.env copy', '.env.production.bak.1'],
  ])('%s is a leftover', (path) => expect(fileKindOf(path)).toEqual({ kind: 'Leftover' }));

  it.each([
    '.envrc',
    '.env.vault',
    '.env.keys',
    '.env.d.ts',
    '.env_file',
    'env',
    'environment.ts',
    '.env.json',
    '.env.production.gpg',
    'x.env.ts',
  ])('%s is something else', (path) => expect(fileKindOf(path)).toBeUndefined());
});

describe('the name of a service', () => {
  it('is its folder, or the whole path where two folders are called alike', () => {
    const names = serviceNames(['apps/main', 'jobs/admin', 'tools/admin', ''], 'shop');
    expect(Object.fromEntries(names)).toEqual({
      'apps/main': 'main',
      'jobs/admin': 'jobs-admin',
      'tools/admin': 'tools-admin',
      '': 'shop',
    });
  });

  it('has no characters that a name cannot have', () => {
    expect(serviceNames(['Service & Söhne'], '').get('Service & Söhne')).toBe('Service-S-hne');
  });
});
