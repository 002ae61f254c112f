/** NetworkPolicies that count: those of deploy/network and of `rbac --network-policy`, and the one that docs/rbac.md shows for services. */
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { loadAll } from 'js-yaml';
import type { KubeObject } from '../../support/cluster/kubeobject.ts';
import type { Pod, PodSpec } from '../../support/node/types.ts';
import { rekey } from '../../support/scenario/command.ts';
import { createNamespace } from '../../support/scenario/install.ts';
import { conditionOf, readState, requestRotation } from '../../support/scenario/rotation.ts';
import { deploymentOf } from '../../support/scenario/services.ts';
import { until } from '../../support/scenario/until.ts';
import type { E2eCluster } from '../cluster.ts';
import { startEnforcer } from '../enforcer.ts';
import { repoRoot } from '../images.ts';
import { faultsIn, judgeRotation, type Outcome } from '../outcome.ts';
import type { Shop } from '../shop.ts';
import { inShop } from './ways.ts';

/** Of the operator. */
const HOME = 'rekey-system';
const LISTENS = "require('node:http').createServer((_, answer) => answer.end()).listen(9000)";
/** Longer than a node with two processors takes to start a program, and to answer. Milliseconds. */
const PATIENCE_MS = 5_000;

export const policy = (cluster: E2eCluster, namespace: string): Promise<Outcome> =>
  inShop(cluster, namespace, {}, async (shop) => {
    const outside = `${namespace}-outside`;
    await startStranger(cluster, outside);
    try {
      return await play(shop, outside);
    } finally {
      await cluster.api.delete({ kind: 'Namespace', name: outside });
      await cluster.kubectl(['delete', 'networkpolicy', '-n', HOME, '--all']);
      await cluster.kubectl(['apply', '-n', HOME, '-f', join(repoRoot, 'deploy', 'base', 'networkpolicy.yaml')]);
    }
  });

async function play(shop: Shop, outside: string): Promise<Outcome> {
  const { cluster, api, namespace, name } = shop;
  const stranger = () => podOf(cluster, outside, 'stranger');
  const operator = () => podOf(cluster, HOME, 'rekey');
  const to = (service: () => Promise<Pod>, address: string) => async (from: () => Promise<Pod>) =>
    reaches(cluster, await from(), await service(), address);
  const aService = to(() => podOf(cluster, namespace, 'main'), ':8000/healthz');
  const metrics = to(operator, ':8080/metrics');
  const elsewhere = to(stranger, ':9000/');
  const open = {
    'without policies a stranger reaches a service': await aService(stranger),
    'without policies a stranger reaches the metrics': await metrics(stranger),
    'without policies the operator reaches a stranger': await elsewhere(operator),
  };
  const enforcer = await startEnforcer(cluster);
  try {
    await cluster.kubectl(['apply', '-f', '-'], await shipped(cluster));
    await cluster.kubectl(['apply', '-f', '-'], shown(namespace));
    // new processes, so that no connection is older than the policies
    await cluster.kubectl(['rollout', 'restart', '-n', HOME, 'deployment/rekey']);
    await cluster.kubectl(['rollout', 'status', '-n', HOME, 'deployment/rekey', '--timeout=180s']);
    const closed = {
      'a stranger does not reach a service': !(await aService(stranger)),
      'a stranger does not reach the metrics': !(await metrics(stranger)),
      'the operator does not reach a stranger': !(await elsewhere(operator)),
      'the operator does not reach a service before its policy is there': !(await aService(operator)),
    };
    await cluster.kubectl(['apply', '-f', '-'], await printed(shop));
    await until('the operator reaches a service', () => aService(operator));
    const outcome = await judgeRotation(shop, await requestRotation(api, namespace, name));
    const { resource } = await readState(api, namespace, name);
    const later = {
      'every pod has answered its canary': conditionOf(resource, 'Verified')?.reason === 'Canary',
      'at the end a stranger does not reach a service': !(await aService(stranger)),
      'at the end a stranger does not reach the metrics': !(await metrics(stranger)),
      'at the end the operator does not reach a stranger': !(await elsewhere(operator)),
      ...(await whereAllowed(cluster, outside, () => metrics(stranger))),
    };
    return {
      ...outcome,
      promise: `${outcome.promise} under NetworkPolicies, which keep strangers out`,
      faults: [...outcome.faults, ...faultsIn({ ...open, ...closed, ...later })],
    };
  } finally {
    await enforcer.stop();
  }
}

/** The label that deploy/network asks for lets a namespace read the metrics. */
async function whereAllowed({ kubectl }: E2eCluster, outside: string, reached: () => Promise<boolean>) {
  await kubectl(['label', 'namespace', outside, 'metrics=enabled']);
  const isReached = await until('the label counts', reached, { timeoutMs: 20_000 }).catch(() => false);
  return { 'a namespace with the label reaches the metrics': isReached };
}

/** A pod that has nothing to do with either, in a namespace of its own. */
async function startStranger(cluster: E2eCluster, namespace: string): Promise<void> {
  await createNamespace(cluster.api, namespace);
  const shop = deploymentOf('main', namespace).spec as { readonly template: { readonly spec: PodSpec } };
  const { containers, ...spec } = shop.template.spec;
  const own = containers.map(({ envFrom: _, readinessProbe: __, ports: ___, lifecycle: ____, ...container }) => ({
    ...container,
    command: ['node', '-e', LISTENS],
  }));
  const metadata = { namespace, name: 'stranger', labels: { app: 'stranger' } };
  await cluster.api.create({ kind: 'Pod', metadata, spec: { ...spec, containers: own } } as KubeObject);
  await cluster.kubectl(['wait', '-n', namespace, 'pod/stranger', '--for=condition=Ready', '--timeout=120s']);
}

/** One of those that stay, and are ready. */
function podOf({ api }: E2eCluster, namespace: string, app: string): Promise<Pod> {
  return until(`a pod of ${app} is ready`, async () => {
    const { items } = await api.list<Pod>({ kind: 'Pod', namespace });
    return items.find(({ metadata: { labels = {}, deletionTimestamp }, status }) => {
      const conditions = (status?.conditions ?? []) as readonly { readonly type: string; readonly status: string }[];
      const isReady = conditions.some((each) => each.type === 'Ready' && each.status === 'True');
      return isReady && deletionTimestamp === undefined && (labels.app ?? labels['app.kubernetes.io/name']) === app;
    });
  });
}

/** Whether a program in one pod gets any answer from another pod. */
async function reaches({ kubectl }: E2eCluster, from: Pod, to: Pod, address: string): Promise<boolean> {
  const url = `http://${to.status?.podIP}${address}`;
  const ask = `fetch('${url}', { signal: AbortSignal.timeout(${PATIENCE_MS}) })`;
  const script = `${ask}.then(() => console.log('answered'), () => console.log('silent'))`;
  const { namespace = '', name } = from.metadata;
  const node = namespace === HOME ? '/nodejs/bin/node' : 'node';
  const said = (await kubectl(['exec', '-n', namespace, name, '--', node, '-e', script])).trim();
  if (said !== 'answered' && said !== 'silent') throw new Error(`in ${name}: ${said}`);
  return said === 'answered';
}

const policiesIn = (text: string): string =>
  (loadAll(text) as KubeObject[])
    .filter(({ kind }) => kind === 'NetworkPolicy')
    .map((object) => JSON.stringify(object))
    .join('\n---\n');

/** The policy of the operator with the component deploy/network. */
async function shipped({ dir, kubectl }: E2eCluster): Promise<string> {
  const folder = mkdtempSync(join(dir, 'policy-'));
  const [base, network] = ['base', 'network'].map((part) => relative(folder, join(repoRoot, 'deploy', part)));
  writeFileSync(join(folder, 'kustomization.yaml'), JSON.stringify({ resources: [base], components: [network] }));
  return policiesIn(await kubectl(['kustomize', folder]));
}

/** The policy of the page for the services of a namespace. */
function shown(namespace: string): string {
  const page = readFileSync(join(repoRoot, 'docs', 'rbac.md'), 'utf8');
  const [, block = ''] = /```yaml\n(apiVersion: networking[\s\S]*?)```/.exec(page) ?? [];
  return block.replace('namespace: shop', `namespace: ${namespace}`);
}

/** The policy of one resource. */
async function printed({ cluster, namespace, name }: Shop): Promise<string> {
  const args = ['rbac', name, '-n', namespace, '--network-policy', '--kubeconfig', cluster.controlPlane.kubeconfig];
  const { result, told, code } = await rekey(args);
  if (code !== 0) throw new Error(`rbac exits with ${code}: ${told}`);
  return policiesIn(result);
}
