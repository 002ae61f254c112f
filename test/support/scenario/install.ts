import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadAll } from 'js-yaml';
import type { KubeApi } from '../cluster/kubeapi.ts';
import type { KubeObject } from '../cluster/kubeobject.ts';
import { installCrds } from '../cluster/local-cluster.ts';
import { until } from './until.ts';

/** Where the operator and its ServiceAccount live. */
export const OPERATOR_NAMESPACE = 'rekey-system';

/** The operator as the API server and its audit log name it. */
export const OPERATOR_USER = `system:serviceaccount:${OPERATOR_NAMESPACE}:rekey`;

const POLICIES = ['authors.yaml', 'targets-a.yaml', 'targets-b.yaml', 'targets-c.yaml'];

const repoRoot = join(import.meta.dirname, '..', '..', '..');

/**
 * Installs what `kubectl apply -k deploy/base` installs, without the Deployment of the operator itself: that runs as a
 * local process (operator.ts). Once for each API server, whoever asks.
 *
 * @throws Error when the API server refuses a CRD
 */
export function installOperator(api: KubeApi): Promise<void> {
  const { url } = api.credentials;
  const installed = installations.get(url) ?? install(api);
  installations.set(url, installed);
  return installed;
}

const installations = new Map<string, Promise<void>>();

async function install(api: KubeApi): Promise<void> {
  const complaints: string[] = [];
  await installCrds(api, join(repoRoot, 'crds'), (line) => void complaints.push(line));
  if (complaints.length > 0) throw new Error(complaints.join('\n'));
  await api.apply(deployFile('base', 'namespace.yaml'));
  await api.apply(deployFile('base', 'rbac.yaml'), OPERATOR_NAMESPACE);
  for (const file of POLICIES) await api.apply(deployFile('policies', file));
}

/**
 * Writes a kubeconfig with exactly the rights that deploy/ gives the operator.
 *
 * @param path where to
 */
export async function operatorKubeconfig(api: KubeApi, path: string): Promise<string> {
  await api.serviceAccountKubeconfig(OPERATOR_NAMESPACE, 'rekey', path);
  return path;
}

/**
 * Lets the operator into one namespace, as deploy/namespace does: it may touch these Secrets there and no others.
 */
export async function letIn(api: KubeApi, namespace: string, ...secretNames: readonly string[]): Promise<void> {
  let named = 0;
  const documents = loadAll(deployFile('namespace', 'rbac.yaml')).map((document) =>
    JSON.stringify(document, (key, value: unknown) => {
      if (key !== 'resourceNames') return value;
      named++;
      return secretNames.flatMap((name) => (value as readonly string[]).map((item) => item.replace(/^jwt/, name)));
    }),
  );
  if (named !== 2)
    throw new Error(`deploy/namespace/rbac.yaml names ${named} times: is it still the Secret and its log?`);
  await api.apply(documents.join('\n---\n'), namespace);
}

/** Lets the operator look for copies of burnt keys in one namespace, as deploy/residue does. */
export async function letLook(api: KubeApi, namespace: string): Promise<void> {
  await api.apply(deployFile('residue', 'rbac.yaml'), namespace);
}

/** Lets the operator mark pods that read mounted files, as deploy/files does. */
export async function letMark(api: KubeApi, namespace: string): Promise<void> {
  await api.apply(deployFile('files', 'rbac.yaml'), namespace);
}

/** Lets the operator restart Rollouts in one namespace, as deploy/rollouts does. */
export async function letRestartRollouts(api: KubeApi, namespace: string): Promise<void> {
  await api.apply(deployFile('rollouts', 'rbac.yaml'), namespace);
}

/**
 * Lets the operator hold a lease in a namespace other than its own, so that the operators of different tests do not wait
 * for each other.
 */
export async function letLead(api: KubeApi, namespace: string): Promise<void> {
  const leader = loadAll(deployFile('base', 'rbac.yaml')) as KubeObject[];
  const own = leader.filter(({ kind, metadata }) => metadata.name === 'rekey-leader' && kind?.startsWith('Role'));
  await api.apply(own.map((object) => JSON.stringify(object)).join('\n---\n'), namespace);
}

/** Creates a namespace under the restricted Pod Security Standard, like examples/manifests/namespace.yaml, and waits until pods can be created in it. */
export async function createNamespace(api: KubeApi, name: string): Promise<void> {
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
  await api.create({ kind: 'Namespace', metadata: { name, labels } });
  await until('the default ServiceAccount is there', () =>
    api.find({ kind: 'ServiceAccount', namespace: name, name: 'default' }),
  );
}

function deployFile(...path: string[]): string {
  return readFileSync(join(repoRoot, 'deploy', ...path), 'utf8');
}
