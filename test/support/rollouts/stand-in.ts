/**
 * A stand-in for the controller of Argo Rollouts, for tests that cannot wait until the real one is built. It is ours: what
 * it does is what we have read that the real one does (its restart.go, rolloututil.go and templateref.go), as far as rekey
 * sees it. The same tests run with the real one: see controller.ts.
 *
 * - One ReplicaSet for each template; the template may be that of a Deployment.
 * - A delivery goes to the weight of its first step, and rests there for ever. Blue and green are delivered at once.
 * - `restartAt` evicts what was created before, of all ReplicaSets, one pod at a time while the others are available, also
 *   while it is paused. `restartedAt` follows with the last eviction.
 */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { KubeApi } from '../cluster/kubeapi.ts';
import type { KubeObject } from '../cluster/kubeobject.ts';

const HASH = 'rollouts-pod-template-hash';
const ROUND_MS = 400;

interface Template {
  readonly metadata?: { readonly labels?: Readonly<Record<string, string>> };
}

interface Rollout extends KubeObject {
  readonly spec: {
    readonly replicas?: number;
    readonly paused?: boolean;
    readonly restartAt?: string;
    readonly template?: Template;
    readonly selector?: { readonly matchLabels?: Readonly<Record<string, string>> };
    readonly workloadRef?: { readonly name: string };
    readonly strategy?: { readonly canary?: { readonly steps?: readonly { readonly setWeight?: number }[] } };
  };
  readonly status?: { readonly stableRS?: string; readonly restartedAt?: string };
}

interface ReplicaSet extends KubeObject {
  readonly spec: { readonly replicas: number };
  readonly status?: {
    readonly replicas?: number;
    readonly readyReplicas?: number;
    readonly availableReplicas?: number;
  };
}

interface Pod extends KubeObject {
  readonly status?: { readonly conditions?: readonly { readonly type: string; readonly status: string }[] };
}

/** Works in one namespace until it is stopped. */
export function startStandIn(kubeconfig: string, namespace: string): { stop(): Promise<void> } {
  const api = KubeApi.fromKubeconfig(kubeconfig, 'rollouts-stand-in');
  const ends = new AbortController();
  const work = async (): Promise<void> => {
    while (!ends.signal.aborted) {
      // an object that changed meanwhile, or a namespace that goes: the next round sees
      await round(api, namespace).catch(() => undefined);
      await sleep(ROUND_MS, undefined, { signal: ends.signal }).catch(() => undefined);
    }
  };
  const working = work();
  return {
    stop: async () => {
      ends.abort();
      await working;
      await api.close();
    },
  };
}

async function round(api: KubeApi, namespace: string): Promise<void> {
  const { items } = await api.list<Rollout>({ kind: 'Rollout', namespace });
  for (const rollout of items) await reconcile(api, namespace, rollout);
}

async function reconcile(api: KubeApi, namespace: string, rollout: Rollout): Promise<void> {
  const { spec, status = {}, metadata } = rollout;
  const { replicas = 1, restartAt, workloadRef } = spec;
  const source =
    workloadRef && (await api.get<Rollout>({ kind: 'Deployment', namespace, name: workloadRef.name })).spec;
  const template = spec.template ?? source?.template ?? {};
  const selector = spec.selector ?? source?.selector;
  const hash = createHash('sha256').update(JSON.stringify(template)).digest('hex').slice(0, 10);
  const stable = status.stableRS ?? hash;
  const weight = spec.strategy?.canary?.steps?.[0]?.setWeight ?? 100;
  const fresh = stable === hash ? replicas : Math.ceil((replicas * weight) / 100);
  const sizes = new Map([[stable, replicas - fresh] as const, [hash, fresh] as const]);
  const sets = new Map<string, ReplicaSet>();
  for (const [of, size] of sizes) {
    const labels = { ...template.metadata?.labels, [HASH]: of };
    sets.set(of, await scaled(api, rollout, { name: `${metadata.name}-${of}`, size, labels, template, selector }));
  }
  const pods = (await api.list<Pod>({ kind: 'Pod', namespace, labelSelector: HASH })).items.filter((pod) =>
    pod.metadata.ownerReferences?.some(({ name }) => sets.has(name.slice(metadata.name.length + 1))),
  );
  const restarted =
    restartAt === undefined || restartAt === status.restartedAt || (await restart(api, pods, restartAt, replicas));
  const sum = (field: 'replicas' | 'readyReplicas' | 'availableReplicas') =>
    [...sets.values()].reduce((total, set) => total + (set.status?.[field] ?? 0), 0);
  const rests = stable !== hash || spec.paused === true;
  const next = {
    observedGeneration: String(metadata.generation ?? 0),
    currentPodHash: hash,
    stableRS: weight === 100 ? hash : stable,
    phase: rests ? 'Paused' : restarted ? 'Healthy' : 'Progressing',
    updatedReplicas: sets.get(hash)?.status?.replicas ?? 0,
    ...{ replicas: sum('replicas'), readyReplicas: sum('readyReplicas'), availableReplicas: sum('availableReplicas') },
    ...(restarted && restartAt !== undefined && { restartedAt: restartAt }),
  };
  if (isDeepStrictEqual({ ...status, ...next }, status)) return;
  await api.patch({ kind: 'Rollout', namespace, name: metadata.name, subresource: 'status' }, { status: next });
}

/** Makes the ReplicaSet, or gives it its size. */
async function scaled(
  api: KubeApi,
  { metadata }: Rollout,
  {
    name,
    size,
    labels,
    template,
    selector,
  }: { readonly [field: string]: unknown; readonly name: string; readonly size: number },
): Promise<ReplicaSet> {
  const { namespace } = metadata;
  const found = await api.find<ReplicaSet>({ kind: 'ReplicaSet', namespace, name });
  if (found?.spec.replicas === size) return found;
  if (found !== undefined) return api.patch({ kind: 'ReplicaSet', namespace, name }, { spec: { replicas: size } });
  const owner = { apiVersion: 'argoproj.io/v1alpha1', kind: 'Rollout', name: metadata.name, uid: metadata.uid ?? '' };
  const matchLabels = {
    ...(selector as Rollout['spec']['selector'])?.matchLabels,
    [HASH]: (labels as Record<string, string>)[HASH],
  };
  const pod = template as { readonly metadata?: object };
  return api.create({
    kind: 'ReplicaSet',
    metadata: { namespace: namespace ?? '', name, ownerReferences: [{ ...owner, controller: true } as never] },
    spec: { replicas: size, selector: { matchLabels }, template: { ...pod, metadata: { ...pod.metadata, labels } } },
  });
}

/** @returns whether no pod is left that must go */
async function restart(api: KubeApi, pods: readonly Pod[], restartAt: string, replicas: number): Promise<boolean> {
  if (Date.now() <= Date.parse(restartAt)) return false;
  const leaves = ({ metadata }: Pod): boolean => metadata.deletionTimestamp !== undefined;
  const ready = ({ status }: Pod): boolean =>
    status?.conditions?.some(({ type, status: value }) => type === 'Ready' && value === 'True') ?? false;
  const older = pods.filter(({ metadata }) => Date.parse(metadata.creationTimestamp ?? '') < Date.parse(restartAt));
  const available = pods.filter((pod) => ready(pod) && !leaves(pod)).length;
  const mayGo = available - (Math.max(replicas, pods.length) - 1);
  const going = older.filter((pod) => !leaves(pod)).slice(0, Math.max(0, mayGo));
  for (const { metadata } of going) {
    const { name, namespace } = metadata;
    const body = { apiVersion: 'policy/v1', kind: 'Eviction', metadata: { name, namespace } };
    await api.raw({ method: 'POST', path: `/api/v1/namespaces/${namespace}/pods/${name}/eviction`, body });
  }
  return older.length === going.length;
}
