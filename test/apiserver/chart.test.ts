/** The Helm chart makes what the kustomizations make, refuses values that cannot hold, and keeps what is rotated. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { dump, load, loadAll } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { ledgerConfigMapName } from '../../src/rotation/audit/ledger-config-map.ts';
import { CONFIG_MAP } from '../../src/rotation/people/preload.ts';
import { runKubectl } from '../support/cluster/kubectl.ts';
import type { KubeObject } from '../support/cluster/kubeobject.ts';
import { comparable, sorted } from '../support/helm/comparable.ts';
import { CHART, type Helm, helmFor, RELEASE, set } from '../support/helm/helm.ts';

const cluster = inject('cluster');
const repoRoot = join(import.meta.dirname, '..', '..');
const dir = mkdtempSync(join(tmpdir(), 'rekey-chart-'));
let helm: Helm;
beforeAll(async () => {
  helm = await helmFor(dir);
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

async function rendered(values: object): Promise<readonly KubeObject[]> {
  const { stdout, stderr, code } = await helm('template', ...RELEASE, ...set(values));
  expect(code, stderr).toBe(0);
  return loadAll(stdout) as KubeObject[];
}

/** deploy/base with components of deploy, as somebody would write it. */
const withComponents = (...components: readonly string[]) => composed(components);

/** @param more resources, and fields of the kustomization */
async function composed(
  components: readonly string[],
  more: readonly object[] = [],
  fields: object = {},
): Promise<readonly KubeObject[]> {
  const folder = mkdtempSync(join(dir, 'kustomize-'));
  const at = (name: string) => relative(folder, join(repoRoot, 'deploy', name));
  const files = more.map((object, i) => {
    writeFileSync(join(folder, `${i}.yaml`), dump(object));
    return `${i}.yaml`;
  });
  const kustomization = { resources: [at('base'), ...files], components: components.map(at), ...fields };
  writeFileSync(join(folder, 'kustomization.yaml'), dump(kustomization));
  return kustomized(folder);
}

/** @param folder of deploy, or anywhere */
async function kustomized(folder: string): Promise<readonly KubeObject[]> {
  const path = resolve(repoRoot, 'deploy', folder);
  const { stdout, stderr, code } = await runKubectl(cluster.kubectl, ['kustomize', path], '');
  expect(code, stderr).toBe(0);
  return loadAll(stdout) as KubeObject[];
}

describe('the chart', () => {
  it('has nothing that helm lint complains of', async () => {
    const { code, stdout } = await helm('lint', '--strict', CHART);
    expect(code, stdout).toBe(0);
  });

  it('makes what deploy/base makes', async () => {
    expect(sorted(comparable(await rendered({})))).toEqual(sorted(comparable(await kustomized('base'))));
  });

  it('closes the network as deploy/network does', async () => {
    const closed = await rendered({ 'networkPolicy.openEgress': false, 'networkPolicy.openIngress': false });
    const { spec } = closed.find(({ kind }) => kind === 'NetworkPolicy') as KubeObject & {
      spec?: { egress: object[] };
    };
    expect(spec?.egress).toHaveLength(2);
    expect(sorted(comparable(closed))).toEqual(sorted(comparable(await withComponents('network'))));
  });

  it('watches as deploy/monitoring does', async () => {
    const watched = comparable(await rendered({ 'monitoring.rules': true, 'monitoring.podMonitor': true }));
    expect([...watched.keys()].filter((name) => /^(PrometheusRule|PodMonitor)/.test(name))).toHaveLength(2);
    expect(sorted(watched)).toEqual(sorted(comparable(await withComponents('monitoring'))));
  });

  it('links each alert to its page as deploy/runbooks does, once it is told where the pages are', async () => {
    const base = 'https://git.example.com/a/docs/rekey/blob/main';
    const source = {
      ...{ apiVersion: 'v1', kind: 'ConfigMap' },
      metadata: { name: 'rekey-runbooks', annotations: { 'config.kubernetes.io/local-config': 'true' } },
      data: { base },
    };
    const wanted = comparable(await composed(['monitoring', 'runbooks'], [source]));
    const monitoring = { 'monitoring.rules': true, 'monitoring.podMonitor': true };
    const linked = comparable(await rendered({ ...monitoring, 'monitoring.runbooks': base }));
    expect(sorted(linked)).toEqual(sorted(wanted));
    const urls = (objects: ReadonlyMap<string, string>) =>
      objects.get('PrometheusRule/rekey-system/rekey')?.match(/runbook_url: \S+/g) ?? [];
    const rules = readFileSync(join(repoRoot, 'deploy/monitoring/rules.yaml'), 'utf8');
    const pages = [...rules.matchAll(/runbook: (\S+)/g)].map(([, page]) => `runbook_url: ${base}/${page}`);
    expect(pages.length).toBeGreaterThan(10);
    expect(urls(linked)).toEqual(pages);
    expect(urls(comparable(await rendered(monitoring)))).toEqual([]);
    for (const wrong of ['docs', 'https://x/', "https://x'", 'https://x#a', 'https://$1', 'https://x\n  y: z']) {
      const { code } = await helm('template', ...RELEASE, ...set({ 'monitoring.runbooks': wrong }));
      expect([wrong, code]).toEqual([wrong, 1]);
    }
  });

  it('gives memory and priority as the patch of docs/scale.md does', async () => {
    const page = readFileSync(join(repoRoot, 'docs/scale.md'), 'utf8');
    const [, block = ''] = /```yaml\n(patches:\n[\s\S]*?)```/.exec(page) ?? [];
    const wanted = comparable(await composed([], [], load(block) as object));
    const resources = { requests: { cpu: '50m', memory: '128Mi' }, limits: { memory: '512Mi' } };
    const given = comparable(await rendered({ priorityClassName: 'rekey', resources }));
    expect(sorted(given)).toEqual(sorted(wanted));
    expect(given.get('Deployment/rekey-system/rekey')).toContain('priorityClassName: rekey');
  });

  it('shares the namespaces as deploy/shards does', async () => {
    const shared = comparable(await rendered({ shards: 3, replicas: 3 }));
    expect(sorted(shared)).toEqual(sorted(comparable(await withComponents('shards'))));
    expect(shared.get('Deployment/rekey-system/rekey')).toContain('--shards=3');
  });

  it('makes what deploy/one-namespace makes', async () => {
    const own = await rendered({ watchNamespace: 'shop' });
    expect(sorted(comparable(own))).toEqual(sorted(comparable(await kustomized('one-namespace'))));
  });

  it('lets rekey into a namespace as deploy/namespace and its siblings do', async () => {
    const all = { name: 'shop', secrets: ['jwt'], files: true, rollouts: true, residue: true };
    const without = comparable(await rendered({}));
    const roles = [...comparable(await rendered({ namespaces: [all] }))].filter(([name]) => !without.has(name));
    const folders = ['namespace', 'files', 'rollouts', 'residue'];
    const wanted = await Promise.all(folders.map(kustomized));
    expect(Object.fromEntries(roles)).toEqual(sorted(comparable(wanted.flat(), 'shop')));
  });

  it('publishes the preload in a namespace as deploy/preload does, and leaves it there', async () => {
    const shop = { name: 'shop', secrets: ['jwt'], preload: true };
    const objects = await rendered({ namespaces: [shop, { name: 'bar', secrets: ['d'] }] });
    const maps = objects.filter(({ kind }) => kind === 'ConfigMap');
    expect(maps).toMatchObject([
      {
        metadata: {
          ...{ name: CONFIG_MAP.metadata.name, namespace: 'shop' },
          annotations: { 'helm.sh/resource-policy': 'keep' },
        },
        ...{ immutable: true, data: CONFIG_MAP.data },
      },
    ]);
  });

  it('names each Secret and its audit log, and no other', async () => {
    const objects = await rendered({
      namespaces: [
        { name: 'shop', secrets: ['a', 'b.c'] },
        { name: 'bar', secrets: ['d'] },
      ],
    });
    const named = (namespace: string) => {
      const role = objects.find(
        ({ kind, metadata }) => kind === 'Role' && metadata.name === 'rekey' && metadata.namespace === namespace,
      );
      const rules = role?.rules as { resources: string[]; resourceNames?: string[] }[];
      return rules.flatMap(({ resources, resourceNames }) =>
        resourceNames === undefined ? [] : [[resources.join(), resourceNames]],
      );
    };
    expect(named('shop')).toEqual([
      ['secrets', ['a', 'b.c']],
      ['configmaps', ['a-rekey', 'b.c-rekey']],
    ]);
    expect(named('bar')).toEqual([
      ['secrets', ['d']],
      ['configmaps', ['d-rekey']],
    ]);
  });

  it.each<[string, object, RegExp]>([
    ['a Secret without a name', { namespaces: [{ name: 'shop', secrets: [] }] }, /namespaces\/0\/secrets/],
    ['a namespace that cannot be', { namespaces: [{ name: 'Shop', secrets: ['a'] }] }, /namespaces\/0\/name/],
    ['a word that it does not know', { replica: 3 }, /replica/],
    ['a switch that is none', { crd: false }, /crd/],
    ['a digest that is cut off', { 'image.digest': 'sha256:abc' }, /digest/],
    [
      'a namespace twice',
      {
        namespaces: [
          { name: 'a', secrets: ['x'] },
          { name: 'a', secrets: ['y'] },
        ],
      },
      /a is listed twice/,
    ],
    [
      'rights where it does not watch',
      { watchNamespace: 'shop', namespaces: [{ name: 'bar', secrets: ['x'] }] },
      /bar is not watched/,
    ],
    ['shards of one namespace', { shards: 3, watchNamespace: 'shop' }, /watchNamespace leaves one/],
    ['more shards than the operator', { shards: 33 }, /shards/],
    ['a label that the selector is', { podLabels: { 'app.kubernetes.io/name': 'a' } }, /app.kubernetes.io\/name/],
    ['a flag that is none', { extraArgs: ['workers'] }, /extraArgs\/0/],
  ])('refuses %s', async (_, values, message) => {
    const { code, stderr } = await helm('template', ...RELEASE, ...set(values));
    expect(code).toBe(1);
    expect(stderr).toMatch(message);
  });

  it.each(['123', '1e3', 'true', 'null', '0x1f'])(
    'takes a name for a text, whatever it looks like: %s',
    async (name) => {
      const values = { namespaces: [{ name, secrets: [name] }], watchNamespace: name, priorityClassName: name };
      const given = ['template', name, CHART, '--namespace', name, ...set(values)];
      const { stdout, stderr, code } = await helm(...given);
      expect(code, stderr).toBe(0);
      const objects = (loadAll(stdout) as KubeObject[]).filter(({ kind }) => kind !== 'CustomResourceDefinition');
      const found: unknown[] = [];
      JSON.stringify(objects, (field, value: unknown) => {
        if (['namespace', 'instance', 'priorityClassName', 'app.kubernetes.io/instance'].includes(field))
          found.push(value);
        if (['args', 'resourceNames'].includes(field)) found.push(...(value as unknown[]));
        return value;
      });
      expect(found.filter((value) => typeof value !== 'string')).toEqual([]);
      expect(found).toEqual(expect.arrayContaining([name, `--namespace=${name}`, `${name}-rekey`]));
    },
  );

  it('lets no value out of its place', async () => {
    const objects = await rendered({ priorityClassName: 'x\n      hostNetwork: true' });
    const deployment = objects.find(({ kind }) => kind === 'Deployment') as { spec?: { template: { spec: object } } };
    expect(deployment?.spec?.template.spec).not.toHaveProperty('hostNetwork');
  });

  it.each([247, 248, 253])('names the audit log of a Secret as the operator does, of %i characters', async (length) => {
    const secret = `${'s'.repeat(236)}--${'t'.repeat(15)}`.slice(0, length);
    const objects = await rendered({ namespaces: [{ name: 'shop', secrets: [secret] }] });
    expect(JSON.stringify(objects)).toContain(`"resourceNames":["${ledgerConfigMapName(secret)}"]`);
  });

  it('takes the digest before the tag, and flags as they are', async () => {
    const digest = `sha256:${'0'.repeat(64)}`;
    const objects = await rendered({ 'image.digest': digest, 'image.tag': 'v9', extraArgs: ['--log-level=debug'] });
    const container = {
      image: `rekey@${digest}`,
      args: ['--leader-election-namespace=$(POD_NAMESPACE)', '--log-level=debug'],
    };
    const deployment = objects.find(({ kind }) => kind === 'Deployment');
    expect(deployment).toMatchObject({ spec: { template: { spec: { containers: [container] } } } });
  });
});
