/** From .env files to a cluster: a Secret, and a JwtKeyRotation that the API server takes. */
import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { KubeApi } from '../support/cluster/kubeapi.ts';
import { runKubectl } from '../support/cluster/kubectl.ts';
import type { Secret } from '../support/node/types.ts';
import { rekey } from '../support/scenario/command.ts';
import { createNamespace, installOperator } from '../support/scenario/install.ts';

const cluster = inject('cluster');
const api = KubeApi.fromKubeconfig(cluster.kubeconfig);
const namespace = `env-${randomUUID().slice(0, 8)}`;
const folder = join(cluster.dir, namespace);
const KEY = 'c0ffee'.repeat(11);
const OLD = '0ddba11'.repeat(9);
const CONFIG = `
maxTokenTTL: 1h
sourceOfTruth: main
canary: { issuer: shop }
services:
  main:
    names: [JWT_SECRET_KEY, JWT_SECRET]
    files: { production: main/.env, staging: main/.env.staging }
    canary: http://127.0.0.1:8000/auth/verify
  admin: { names: [JWT_SECRET_KEY], files: { production: admin/.env }, roles: [Verifier] }
`;

function write(files: Readonly<Record<string, string>>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

const apply = (environment: string, name: string) => {
  const args = ['env', 'apply', environment, '--name', name, '-n', namespace, '--kubeconfig', cluster.kubeconfig];
  return rekey(args, cluster.programs?.command, {}, folder);
};
const secretNamed = (name: string) => api.get<Secret>({ kind: 'Secret', namespace, name });

beforeAll(async () => {
  await installOperator(api);
  await createNamespace(api, namespace);
  write({
    'rekey.yaml': CONFIG,
    'main/.env': `JWT_SECRET_KEY=${KEY}\nJWT_SECRET="${KEY}"\nJWT_SECRET_KEY_FALLBACKS=${OLD}\nSMTP_PASSWORD=x\n`,
    'admin/.env': `JWT_SECRET_KEY=${KEY}\n`,
    'main/.env.staging': `JWT_SECRET_KEY=${OLD}\n`,
  });
});
afterAll(async () => {
  await api.delete({ kind: 'Namespace', name: namespace });
  await api.close();
});

describe('env apply', () => {
  it('creates the Secret with the keys alone, and prints a resource that the API server takes', async () => {
    const { code, result, told } = await apply('production', 'shop');
    expect([code, told]).toEqual([0, expect.stringContaining(`Secret shop created in ${namespace}`)]);
    const { data, metadata } = await secretNamed('shop');
    const texts = Object.entries(data ?? {}).map(([name, value]) => [name, Buffer.from(value, 'base64').toString()]);
    expect(Object.fromEntries(texts)).toEqual({
      JWT_SECRET_KEY: KEY,
      JWT_SECRET: KEY,
      JWT_SECRET_KEY_FALLBACKS: OLD,
    });
    expect(metadata.annotations?.['kubectl.kubernetes.io/last-applied-configuration']).toBeUndefined();
    expect(`${result}${told}`).not.toContain(KEY);
    const created = await runKubectl(cluster.kubectl, ['create', '-f', '-', '-o', 'json'], result);
    expect([created.code, created.stderr]).toEqual([0, '']);
    expect(JSON.parse(created.stdout).spec).toMatchObject({
      ...{ secretName: 'shop', environment: 'production', rotationPeriod: '90d', maxTokenTTL: '1h' },
      secretKeys: { signing: ['JWT_SECRET_KEY', 'JWT_SECRET'], fallbacks: 'JWT_SECRET_KEY_FALLBACKS' },
      canary: { issuer: 'shop' },
      targets: [
        { kind: 'Deployment', name: 'main', canary: { path: '/auth/verify', port: 8000 } },
        { kind: 'Deployment', name: 'admin', roles: ['Verifier'] },
      ],
    });
  });

  it('touches no Secret that is there', async () => {
    const name = 'taken';
    await api.create({ kind: 'Secret', metadata: { namespace, name }, stringData: { mine: 'yes' } } as never);
    const before = await secretNamed(name);
    const { code, result, told } = await apply('production', name);
    expect([code, result]).toEqual([1, '']);
    expect(told).toContain('AlreadyExists');
    expect(await secretNamed(name)).toEqual(before);
  });

  it('creates nothing where services are apart, or a rotation is under way', async () => {
    write({ 'admin/.env': `JWT_SECRET_KEY=${OLD}\n` });
    const apart = await apply('production', 'apart');
    expect([apart.code, apart.told]).toEqual([1, expect.stringContaining('admin/.env: not the key of main/.env')]);
    const begun = await rekey(['env', 'rotate', 'staging', '--reads-fallbacks'], cluster.programs?.command, {}, folder);
    expect(begun.code).toBe(0);
    const during = await apply('staging', 'during');
    expect([during.code, during.told]).toEqual([1, expect.stringContaining('a rotation of staging is under way')]);
    for (const name of ['apart', 'during']) await expect(secretNamed(name)).rejects.toThrow('not found');
  });
});
