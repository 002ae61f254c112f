/**
 * Replicas of an operator for all namespaces, each with an account of its own, so that the audit log tells them apart. They see the
 * whole cluster, as the manifests have it, and may write in the namespaces that are named.
 */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { loadAll } from 'js-yaml';
import type { KubeApi } from '../cluster/kubeapi.ts';
import { runKubectl } from '../cluster/kubectl.ts';
import type { KubeObject } from '../cluster/kubeobject.ts';
import type { ProvidedCluster } from '../cluster/provided.ts';
import { type OperatorProcess, startOperator } from './operator.ts';

const deploy = join(import.meta.dirname, '..', '..', '..', 'deploy');

interface Rule {
  readonly verbs: readonly string[];
}
type Role = KubeObject & { readonly rules: readonly Rule[] };

export interface Replicas {
  /** Starts one; the name is that of its account, and the begin of its identity in a Lease. */
  start(name: string, flags: readonly string[]): Promise<OperatorProcess>;
  /** As the audit log names the account. */
  user(name: string): string;
  stop(): Promise<void>;
}

export interface ReplicasOptions {
  readonly cluster: ProvidedCluster;
  readonly api: KubeApi;
  /** Of the Leases and the accounts; it must exist. */
  readonly home: string;
  /** Where the replicas may write; they must exist. */
  readonly namespaces: readonly string[];
  /** The Secret in each of them. */
  readonly secretName: string;
  readonly names: readonly string[];
}

/** Gives the accounts what deploy/base, deploy/shards and deploy/namespace give. */
export async function openReplicas(options: ReplicasOptions): Promise<Replicas> {
  const { cluster, api, home, namespaces, secretName, names } = options;
  const subjects = names.map((name) => ({ kind: 'ServiceAccount', name, namespace: home }));
  for (const { name } of subjects) await api.create({ kind: 'ServiceAccount', metadata: { namespace: home, name } });
  const grant = async (namespace: string | undefined, name: string, rules: unknown) => {
    const kind = namespace === undefined ? 'ClusterRole' : 'Role';
    const metadata = { name, ...(namespace !== undefined && { namespace }) };
    const roleRef = { apiGroup: 'rbac.authorization.k8s.io', kind, name };
    await api.create({ kind, metadata, rules } as KubeObject);
    await api.create({ kind: `${kind}Binding`, metadata, roleRef, subjects } as KubeObject);
  };
  const roles = await withShards(cluster);
  const watch = rulesOf(roles, 'rekey-watch');
  const reads = ({ verbs }: Rule) => verbs.every((verb) => ['get', 'list', 'watch'].includes(verb));
  await grant(undefined, home, watch.filter(reads));
  await grant(home, 'rekey-leader', rulesOf(roles, 'rekey-leader'));
  const own = JSON.stringify(rulesOf(loadAll(readFileSync(join(deploy, 'namespace', 'rbac.yaml'), 'utf8')), 'rekey'));
  const named = JSON.parse(own.replaceAll(/"jwt(-rekey)?"/g, `"${secretName}$1"`)) as readonly Rule[];
  for (const namespace of namespaces)
    await grant(namespace, 'rekey', [...named, ...watch.filter((rule) => !reads(rule))]);

  const dir = join(cluster.dir, home);
  mkdirSync(dir);
  const started: OperatorProcess[] = [];
  return {
    start: async (name, flags) => {
      const kubeconfig = join(dir, `${name}.kubeconfig`);
      await api.serviceAccountKubeconfig(home, name, kubeconfig);
      const logFile = join(dir, `${name}.log`);
      const program = cluster.programs?.operator;
      const operator = { program, kubeconfig, leaseNamespace: home, logFile, flags, env: { POD_NAME: name } };
      started.push(await startOperator(operator));
      return started[started.length - 1] as OperatorProcess;
    },
    user: (name) => `system:serviceaccount:${home}:${name}`,
    stop: async () => {
      await Promise.all(started.map((operator) => operator.stop()));
      await api.delete({ kind: 'ClusterRoleBinding', name: home });
      await api.delete({ kind: 'ClusterRole', name: home });
    },
  };
}

function rulesOf(objects: readonly unknown[], name: string): readonly Rule[] {
  const role = (objects as readonly Role[]).find(
    ({ metadata, rules }) => rules !== undefined && metadata.name === name,
  );
  if (role === undefined) throw new Error(`deploy has no role ${name}`);
  return role.rules;
}

/** deploy/base with deploy/shards, as kubectl makes it. */
async function withShards(cluster: ProvidedCluster): Promise<readonly KubeObject[]> {
  const folder = mkdtempSync(join(tmpdir(), 'rekey-shards-'));
  const at = (name: string) => relative(folder, join(deploy, name));
  writeFileSync(join(folder, 'kustomization.yaml'), `resources: ['${at('base')}']\ncomponents: ['${at('shards')}']\n`);
  const { stdout, stderr, code } = await runKubectl(cluster.kubectl, ['kustomize', folder], '');
  rmSync(folder, { recursive: true });
  if (code !== 0) throw new Error(stderr);
  return loadAll(stdout) as KubeObject[];
}
