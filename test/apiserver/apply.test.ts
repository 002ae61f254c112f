/**
 * A file that has not changed changes nothing, however and by whomever it is applied: by client-side or server-side apply,
 * one after the other, or by a second manager such as Argo CD.
 */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadAll } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { KubeApi } from '../support/cluster/kubeapi.ts';
import { runKubectl } from '../support/cluster/kubectl.ts';
import type { KubeObject } from '../support/cluster/kubeobject.ts';
import { appliers, changedIn, textOf, WAYS, type Way } from '../support/scenario/apply.ts';
import { createNamespace, installOperator } from '../support/scenario/install.ts';
import { receiver, rotationIn } from '../support/scenario/spec-parts.ts';

const cluster = inject('cluster');
const admin = KubeApi.fromKubeconfig(cluster.kubeconfig);
const id = randomUUID().slice(0, 8);
const namespace = `apply-${id}`;
const repoRoot = join(import.meta.dirname, '..', '..');

const kubectl = (args: readonly string[], input = '') => runKubectl(cluster.kubectl, args, input);
const { apply, applyAgain } = appliers(kubectl, admin);

const ORDERS: readonly (readonly [Way, ...Way[]])[] = [
  ['client', 'server', 'other', 'client'],
  ['server', 'other', 'client', 'server'],
];

const rotation = rotationIn(namespace);
const target = (name: string, more: object = {}) => ({ kind: 'Deployment', name, ...more });

/** As it is in a text, but here, beside what other texts call the same, and so that a Deployment starts nothing. */
function here(object: KubeObject, text: string): KubeObject {
  const { kind = '', metadata, spec } = object;
  if (kind === 'CustomResourceDefinition') return object;
  const { namespace: _, ...rest } = metadata;
  const clusterWide =
    ['Namespace', 'ClusterRole', 'ClusterRoleBinding'].includes(kind) || kind.startsWith('Validating');
  const idle = kind === 'Deployment' ? { spec: { ...(spec as object), replicas: 0 } } : {};
  const name = `${metadata.name}-${text}-${id}`;
  return { ...object, ...idle, metadata: { ...rest, name, ...(!clusterWide && { namespace }) } };
}

async function kustomized(...folder: readonly string[]): Promise<readonly KubeObject[]> {
  const { stdout, stderr, code } = await kubectl(['kustomize', join(repoRoot, ...folder)]);
  expect(code, stderr).toBe(0);
  return (loadAll(stdout) as KubeObject[]).map((object) => here(object, folder.join('-')));
}

/** Each resource that a page shows whole. */
function shownIn(...file: readonly string[]): readonly KubeObject[] {
  const blocks = readFileSync(join(repoRoot, ...file), 'utf8').matchAll(/^```yaml\n(.*?)^```/gms);
  const documents = [...blocks].flatMap(([, text = '']) => loadAll(text) as Partial<KubeObject>[]);
  return documents.flatMap((object) => (object.kind === undefined ? [] : [here(object as KubeObject, 'page')]));
}

beforeAll(async () => {
  await installOperator(admin);
  await createNamespace(admin, namespace);
});

afterAll(async () => {
  for (const kind of [
    'clusterrole',
    'clusterrolebinding',
    'namespace',
    'validatingadmissionpolicybinding',
    'validatingadmissionpolicy',
  ]) {
    const { stdout } = await kubectl(['get', kind, '-o', 'name']);
    const mine = stdout.split('\n').filter((name) => name.endsWith(`-${id}`));
    if (mine.length > 0) await kubectl(['delete', '--wait=false', ...mine]);
  }
  await admin.close();
});

const SPECS: Readonly<Record<string, object>> = {
  'as-little-as-it-may': { targets: [target('a')] },
  'two-kinds-of-one-name': { targets: [target('a'), { kind: 'StatefulSet', name: 'a' }] },
  'two-roles': { targets: [target('a', { roles: ['Verifier', 'Signer'], canary: { path: '/', port: 80 } })] },
  'mounted-files': {
    targets: [target('a', { source: 'File', canary: { path: '/', port: 80, acceptStatuses: [204] } })],
  },
  windows: {
    targets: [target('a')],
    maintenanceWindows: [
      { schedule: '0 3 * * *', duration: '2h' },
      { kind: 'Deny', schedule: '0 3 * * *', duration: '2h', timeZone: 'Europe/Berlin' },
    ],
  },
  receivers: {
    targets: [target('a')],
    notifications: [receiver('a'), { ...receiver('a'), format: 'Slack' }, { ...receiver('b'), on: ['Completed'] }],
  },
  'objects-with-defaults': {
    targets: [target('a')],
    ...{ key: { bytes: 64 }, secretKeys: { signing: ['B', 'A'] }, retire: {}, canary: {} },
  },
};

describe('a resource', () => {
  it.each(ORDERS.map((order) => ({ order, by: order.join(', ') })))(
    'is unchanged when it is applied again, by $by',
    async ({ order }) => {
      await applyAgain(
        order,
        Object.entries(SPECS).map(([name, spec]) => rotation(name, spec)),
      );
    },
  );

  it('that leaves the kind of a target out is not changed either, though client-side apply says so', async () => {
    const objects = [rotation('kindless', { targets: [{ name: 'a' }] })];
    await apply('server', objects);
    const generation = async () =>
      (await admin.get({ kind: 'JwtKeyRotation', namespace, name: 'kindless' })).metadata.generation;
    for (const way of ['client', 'other', 'client'] as const) {
      await apply(way, objects);
      expect(await generation()).toBe(1);
    }
    expect(changedIn(await apply('client', objects))).toEqual(['jwtkeyrotation.rekey.dev/kindless configured']);
  });

  it('with a target twice is refused in words that help', async () => {
    const objects = [rotation('twice', { targets: [target('a'), target('a')] })];
    const client = await kubectl(WAYS.client, textOf(objects));
    expect(client.stderr).toContain('each target may be named once: put all its roles into one entry');
    const server = await kubectl(WAYS.server, textOf(objects));
    expect(server.stderr).toMatch(/spec\.targets.*duplicate|each target may be named once/i);
    expect([client.code, server.code]).toEqual([1, 1]);
  });

  it('may be the work of two: each manager has targets of its own', async () => {
    await apply('server', [rotation('shared', { targets: [target('a')] })]);
    const { metadata, spec, ...rest } = rotation('shared', { targets: [target('b', { roles: ['Verifier'] })] });
    const more = { ...rest, metadata, spec: { targets: (spec as { targets: unknown }).targets } };
    await apply('other', [more]);
    const found = await admin.get({ kind: 'JwtKeyRotation', namespace, name: 'shared' });
    expect(found.spec).toMatchObject({ targets: [{ name: 'a' }, { name: 'b', roles: ['Verifier'] }] });
  });
});

describe('what we show', () => {
  it.each(ORDERS.map((order) => ({ order, by: order.join(', ') })))(
    'is unchanged when it is applied again, by $by',
    async ({ order }) => {
      const folders = ['base', 'namespace', 'files', 'residue', 'rollouts'].map((folder) => ['deploy', folder]);
      const objects = await Promise.all([['examples', 'manifests'], ...folders].map((folder) => kustomized(...folder)));
      const shown = [shownIn('README.md'), shownIn('docs', 'reference', 'notifications.md')];
      for (const found of [...objects, ...shown]) expect(found).not.toEqual([]);
      await applyAgain(order, [...objects, ...shown].flat());
    },
  );

  it('the receivers of docs/reference/notifications.md are read as they are written', async () => {
    const page = readFileSync(join(repoRoot, 'docs', 'reference', 'notifications.md'), 'utf8');
    const [, text = ''] = /^```yaml\n(notifications:.*?)^```/ms.exec(page) ?? [];
    const indented = text.replaceAll(/^/gm, '  ');
    const { kind, apiVersion, metadata, spec } = rotation('told', { targets: [target('a')] });
    const head = Object.entries(spec as object).map(([name, value]) => `  ${name}: ${JSON.stringify(value)}`);
    const yaml = `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata: ${JSON.stringify(metadata)}\nspec:\n${head.join('\n')}\n${indented}`;
    const { stderr, code } = await kubectl(WAYS.client, yaml);
    expect(code, stderr).toBe(0);
    const found = await admin.get({ kind: 'JwtKeyRotation', namespace, name: 'told' });
    expect(found.spec).toMatchObject({
      notifications: [{ format: 'Slack', on: ['Failed', 'Completed', 'Emergency'] }],
    });
  });
});
