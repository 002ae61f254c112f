/** What `inject` prints and what the Kustomize component makes are applied to a real API server, as a person does it. */
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { CONFIG_MAP, SHOWN } from '../../src/rotation/people/preload.ts';
import { KubeApi } from '../support/cluster/kubeapi.ts';
import { runKubectl } from '../support/cluster/kubectl.ts';
import type { KubeObject } from '../support/cluster/kubeobject.ts';
import { rekey } from '../support/scenario/command.ts';
import { createNamespace, installOperator } from '../support/scenario/install.ts';

const cluster = inject('cluster');
const admin = KubeApi.fromKubeconfig(cluster.kubeconfig);
const namespace = `preload-${randomUUID().slice(0, 8)}`;
const repoRoot = join(import.meta.dirname, '..', '..');
const dir = mkdtempSync(join(tmpdir(), 'rekey-preload-'));

const kubectl = (args: readonly string[], input = '') => runKubectl(cluster.kubectl, args, input);
const command = (...args: readonly string[]) =>
  rekey([...args, '--kubeconfig', cluster.kubeconfig, '-n', namespace], cluster.programs?.command);

interface PodSpec {
  readonly containers: readonly {
    readonly name: string;
    readonly env?: readonly { readonly name: string; readonly value?: string }[];
    readonly volumeMounts?: readonly { readonly name: string; readonly mountPath: string }[];
  }[];
  readonly volumes?: readonly { readonly name: string; readonly configMap?: { readonly name: string } }[];
}

const app = (more: object = {}) => ({
  ...{ name: 'app', image: 'x', envFrom: [{ secretRef: { name: 'jwt' } }] },
  ...{ env: [{ name: 'NODE_OPTIONS', value: '--max-old-space-size=100' }], ...more },
});
function workload(kind: string, name: string, labels: object = {}, containers: object[] = [app()]): KubeObject {
  const spec = {
    ...{ selector: { matchLabels: { app: name } }, ...(kind !== 'DaemonSet' && { replicas: 0 }) },
    ...(kind === 'StatefulSet' && { serviceName: name }),
    template: { metadata: { labels: { app: name } }, spec: { containers, nodeSelector: { none: 'here' } } },
  };
  return { apiVersion: 'apps/v1', kind, metadata: { name, namespace, labels }, spec } as KubeObject;
}
const podOf = async (kind: string, name: string): Promise<PodSpec> => {
  const { spec } = (await admin.get({ kind, namespace, name })) as unknown as {
    readonly spec: { readonly template: { readonly spec: PodSpec } };
  };
  return spec.template.spec;
};
const generation = async (kind: string, name: string) =>
  (await admin.get({ kind, namespace, name })).metadata.generation;

/** @returns what is wrong with the first container of a workload that is to have the preload */
async function wrongIn(kind: string, name: string, variable: string, value: string): Promise<readonly string[]> {
  const { containers, volumes = [] } = await podOf(kind, name);
  const [{ env = [], volumeMounts = [] } = { env: [] }] = containers;
  const has = (wanted: string) => env.find((each) => each.name === wanted)?.value;
  const mounts = volumeMounts.filter(({ mountPath }) => mountPath === '/opt/rekey').map((mount) => mount.name);
  const names = volumes.flatMap((volume) => (mounts.includes(volume.name) ? [volume.configMap?.name] : []));
  return [
    ...(has(variable) === value ? [] : [`${variable} is ${has(variable)}`]),
    ...(has('REKEY_PRELOAD') === SHOWN ? [] : ['REKEY_PRELOAD']),
    ...(names.join() === CONFIG_MAP.metadata.name ? [] : [`mounts ${names.join()}`]),
  ];
}

beforeAll(async () => {
  await installOperator(admin);
  await createNamespace(admin, namespace);
});
afterAll(async () => {
  rmSync(dir, { recursive: true, force: true });
  await kubectl(['delete', 'namespace', '--wait=false', namespace]);
  await admin.close();
});

describe('kubectl rekey inject', () => {
  const KINDS = ['Deployment', 'StatefulSet', 'DaemonSet'];

  it('prints what kubectl takes by the commands that it names, and changes nothing else', async () => {
    const manifests = KINDS.map((kind) => workload(kind, 'main', {}, [app(), { name: 'other', image: 'y' }]));
    const rotation = {
      ...{ apiVersion: 'rekey.dev/v1alpha1', kind: 'JwtKeyRotation', metadata: { name: 'jwt', namespace } },
      spec: {
        ...{ secretName: 'jwt', environment: 'test', rotationPeriod: '90d', maxTokenTTL: '1h' },
        targets: KINDS.map((kind) => ({ kind, name: 'main' })),
      },
    };
    const text = [...manifests, rotation].map((object) => JSON.stringify(object)).join('\n---\n');
    expect(await kubectl(['apply', '-f', '-'], text)).toMatchObject({ code: 0 });

    const before = await Promise.all(KINDS.map((kind) => podOf(kind, 'main')));
    const printed = await command('inject', 'jwt', '--language', 'node', '--dry-run');
    expect(printed.code, printed.told).toBe(0);
    expect(await Promise.all(KINDS.map((kind) => podOf(kind, 'main')))).toEqual(before);

    await applyByHand();
    for (const kind of KINDS) {
      const value = '--max-old-space-size=100 --require /opt/rekey/rekey.cjs';
      expect([kind, await wrongIn(kind, 'main', 'NODE_OPTIONS', value)]).toEqual([kind, []]);
      const { containers } = await podOf(kind, 'main');
      expect(containers.map(({ name }) => name)).toEqual(['app', 'other']);
      expect(containers[1]).toEqual(before[0]?.containers[1]);
      expect(containers[0]).toMatchObject({ envFrom: [{ secretRef: { name: 'jwt' } }] });
    }

    // once more: the same text, and no new generation
    const generations = await Promise.all(KINDS.map((kind) => generation(kind, 'main')));
    const again = await command('inject', 'jwt', '--language', 'node', '--dry-run');
    expect(again.result).toBe(printed.result);
    await applyByHand();
    expect(await Promise.all(KINDS.map((kind) => generation(kind, 'main')))).toEqual(generations);
  });

  /** Runs the commands that it names, in a shell, with kubectl and its plugin under these names. */
  async function applyByHand(): Promise<void> {
    const refused = await command('inject', 'jwt', '--language', 'node');
    expect(refused).toMatchObject({ code: 2, result: '' });
    const [, commands = ''] = /or try it by hand: (.*)\n/.exec(refused.told) ?? [];
    expect(commands.split('; ')).toHaveLength(1 + KINDS.length);
    const quoted = (words: readonly string[]) => words.map((word) => `'${word}'`).join(' ');
    const program = cluster.programs?.command ?? join(repoRoot, 'src', 'kubectl-rekey.ts');
    const plugin = quoted([process.execPath, program, '--kubeconfig', cluster.kubeconfig]);
    const script = `kubectl() { if [ "$1" = rekey ]; then shift; ${plugin} "$@"; else ${quoted(cluster.kubectl)} "$@"; fi; }\nset -e\n${commands}`;
    const { stdout } = await promisify(execFile)('sh', ['-c', script]);
    expect(stdout.trim().split('\n')).toHaveLength(1 + KINDS.length);
  }
});

describe('the Kustomize component', () => {
  it('reaches the first container of each workload with the label, and no other workload', async () => {
    const label = (language: string) => ({ 'rekey.dev/preload': language });
    const python = app({ env: [{ name: 'PYTHONPATH', value: '/app/lib' }] });
    const objects = [
      workload('Deployment', 'k-node', label('node')),
      workload('StatefulSet', 'k-python', label('python'), [python]),
      workload('DaemonSet', 'k-bare', label('python'), [{ name: 'app', image: 'x' }]),
      workload('Deployment', 'k-ruby', label('ruby'), [{ name: 'app', image: 'x' }]),
      workload('Deployment', 'k-none'),
    ];
    mkdirSync(join(dir, 'shop'));
    writeFileSync(join(dir, 'shop', 'all.yaml'), objects.map((object) => JSON.stringify(object)).join('\n---\n'));
    const component = relative(join(dir, 'shop'), join(repoRoot, 'deploy', 'preload'));
    const kustomization = { namespace, resources: ['all.yaml'], components: [component] };
    writeFileSync(join(dir, 'shop', 'kustomization.yaml'), JSON.stringify(kustomization));
    const { code, stderr } = await kubectl(['apply', '-k', join(dir, 'shop')]);
    expect(code, stderr).toBe(0);

    const node = '--max-old-space-size=100 --require /opt/rekey/rekey.cjs';
    expect(await wrongIn('Deployment', 'k-node', 'NODE_OPTIONS', node)).toEqual([]);
    expect(await wrongIn('StatefulSet', 'k-python', 'PYTHONPATH', '/opt/rekey:/app/lib')).toEqual([]);
    expect(await wrongIn('DaemonSet', 'k-bare', 'PYTHONPATH', '/opt/rekey:')).toEqual([]);
    expect(await wrongIn('Deployment', 'k-ruby', 'RUBYOPT', ' -r/opt/rekey/rekey.rb')).toEqual([]);
    const { containers, volumes = [] } = await podOf('Deployment', 'k-none');
    expect([containers[0]?.env?.length, volumes]).toEqual([1, []]);
    const map = (await admin.get({ kind: 'ConfigMap', namespace, name: CONFIG_MAP.metadata.name })) as unknown as {
      readonly data: object;
      readonly immutable: boolean;
    };
    expect(map).toMatchObject({ immutable: true, data: CONFIG_MAP.data });
  });
});
