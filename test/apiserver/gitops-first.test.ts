/** The first apply of all, in a namespace that has neither the Secret nor its consumers: what a tool that waits sees. */
import { join } from 'node:path';
import { describe, expect, inject, it } from 'vitest';
import { runKubectl } from '../support/cluster/kubectl.ts';
import type { KubeObject } from '../support/cluster/kubeobject.ts';
import { judgeByLua } from '../support/gitops/argocd.ts';
import { openRepository } from '../support/gitops/repository.ts';
import { watchStatuses } from '../support/gitops/statuses.ts';
import { waitUntilReady, waitUntilTold } from '../support/scenario/rotation.ts';
import { openScene } from '../support/scenario/scene.ts';
import { SERVICE_NAMES } from '../support/scenario/services.ts';
import { until } from '../support/scenario/until.ts';

const cluster = inject('cluster');
const quick = { language: 'go', replicas: 1 } as const;
const FLEET = { services: { main: quick, autoscraper: quick, admin: quick } };

async function kubectl(args: readonly string[]) {
  const result = await runKubectl(cluster.kubectl, args);
  expect(result.code, result.stderr).toBe(0);
  return result;
}

/** An operator runs, and there is a folder to apply. */
async function openEmpty() {
  const scene = await openScene(cluster, { adopt: false, fleet: FLEET });
  const { api, namespace, name } = scene;
  const there = [
    ...SERVICE_NAMES.map((service) => ({ kind: 'Deployment', name: service })),
    ...['JwtKeyRotation', 'Secret'].map((kind) => ({ kind, name })),
  ];
  for (const each of there) await api.delete({ ...each, namespace });
  await until('no pod is left', async () => (await api.list({ kind: 'Pod', namespace })).items.length === 0);
  await scene.operator();
  const folder = join(cluster.dir, namespace, 'git');
  await openRepository({ folder, namespace, fleet: FLEET, spec: { maxTokenTTL: '5s' }, kubectl });
  const statuses = await watchStatuses(api, namespace, name);
  return { scene, folder, statuses };
}

const observedIn = ({ status }: KubeObject) => (status as { readonly observedGeneration?: number }).observedGeneration;

describe.concurrent('a first apply', () => {
  it('is waited for until the operator has made the key and every pod has it', async () => {
    const { scene, folder, statuses } = await openEmpty();
    await kubectl(['apply', '-k', folder]);
    await waitUntilReady(scene.api, scene.namespace, scene.name);
    await until('the watch has seen it', async () => (await judgeByLua(statuses.seen())).at(-1)?.status === 'Healthy');
    await statuses.close();
    const [first] = statuses.seen();
    expect(first && observedIn(first)).toBe(-1);
    expect((await judgeByLua(statuses.seen()))[0]?.status).toBe('Progressing');
    expect(await scene.close()).toEqual([]);
  });

  it('of the JwtKeyRotation before its targets is Degraded: they belong into one wave', async () => {
    const { scene, folder, statuses } = await openEmpty();
    const { api, namespace, name } = scene;
    await kubectl(['apply', '-n', namespace, '-f', join(folder, 'rotation.yaml')]);
    const { resource } = await waitUntilTold(api, namespace, name, 'TargetNotFound');
    expect((await judgeByLua([resource]))[0]?.status).toBe('Degraded');
    await kubectl(['apply', '-k', folder]);
    await waitUntilReady(api, namespace, name);
    await statuses.close();
    expect(await scene.close()).toEqual([]);
  });
});
