/**
 * All reads of a decision: workloads, pods and the Secret, from the caches or from the API server itself.
 */
import type { KubeClient } from '../kube/client.ts';
import { isKubeError } from '../kube/errors.ts';
import { type HorizontalPodAutoscaler, PODS, type PodDisruptionBudget, SECRETS, type Secret } from '../kube/types.ts';
import type { Availability } from '../runtime/optional-reflector.ts';
import type { Store } from '../runtime/store.ts';
import type { SecretFacts } from './facts.ts';
import { readSecret } from './secret/secret.ts';
import type { Settings } from './settings.ts';
import { limitedAutoscalers } from './workloads/autoscalers.ts';
import { strictBudgets } from './workloads/budgets.ts';
import { withTemplate } from './workloads/rollouts.ts';
import { type PodView, podView, selectorText, selects } from './workloads/views.ts';
import { WORKLOADS, type WorkloadKind, type WorkloadView } from './workloads/workloads.ts';

/** Where workloads and pods are read from: the caches, or the API server itself. */
export interface World {
  readonly live: boolean;
  workload(kind: WorkloadKind, namespace: string, name: string): Promise<WorkloadView | undefined>;
  podsOf(workload: WorkloadView): Promise<readonly PodView[]>;
  /** PodDisruptionBudgets that let no pod go although all are healthy. Of a cached world none is known. */
  strictBudgets(namespace: string): Promise<readonly PodDisruptionBudget[]>;
  /** HorizontalPodAutoscalers that want more pods than they may have. Of a cached world none is known. */
  limitedAutoscalers(namespace: string): Promise<readonly HorizontalPodAutoscaler[]>;
}

/** All workloads and pods of a namespace, targets or not. */
export interface Neighbours {
  readonly workloads: Readonly<Record<WorkloadKind, Listed<WorkloadView>>>;
  readonly pods: Listed<PodView>;
  readonly rollouts: () => Availability;
}

interface Listed<T> {
  list(namespace: string): readonly T[];
}

export interface Caches extends Neighbours {
  readonly workloads: Readonly<Record<WorkloadKind, Store<WorkloadView>>>;
  readonly pods: Store<PodView>;
}

export function cachedWorld({ workloads, pods }: Caches): World {
  const find = async (kind: WorkloadKind, namespace: string, name: string) =>
    workloads[kind].get(`${namespace}/${name}`);
  return {
    live: false,
    workload: async (kind, namespace, name) =>
      withTemplate(await find(kind, namespace, name), (deployment) => find('Deployment', namespace, deployment)),
    podsOf: async ({ namespace, selector }) => pods.list(namespace).filter((pod) => selects(selector, pod.labels)),
    strictBudgets: async () => [],
    limitedAutoscalers: async () => [],
  };
}

/** Reads what a write depends on from the API server: a cache may lag behind without knowing. */
export function liveWorld(client: KubeClient): World {
  const find = async (kind: WorkloadKind, namespace: string, name: string) => {
    const { type, view } = WORKLOADS[kind];
    const found = await orUndefined(client.get(type, { namespace, name }));
    return found && view(found);
  };
  return {
    live: true,
    workload: async (kind, namespace, name) =>
      withTemplate(await find(kind, namespace, name), (deployment) => find('Deployment', namespace, deployment)),
    podsOf: async ({ namespace, selector }) => {
      const { items } = await client.list(PODS, { namespace, labelSelector: selectorText(selector) });
      return items.map(podView);
    },
    strictBudgets: (namespace) => strictBudgets(client, namespace),
    limitedAutoscalers: (namespace) => limitedAutoscalers(client, namespace),
  };
}

/** A read of the Secret, together with the version that a write must be conditional on. */
export interface SecretReading {
  readonly facts: SecretFacts;
  readonly resourceVersion?: string;
}

export async function readSecretNow(client: KubeClient, namespace: string, settings: Settings): Promise<SecretReading> {
  const secret = await getSecret(client, namespace, settings.secretName);
  const resourceVersion = secret?.metadata.resourceVersion;
  return { facts: readSecret(secret, settings), ...(resourceVersion !== undefined && { resourceVersion }) };
}

export async function getSecret(client: KubeClient, namespace: string, name: string): Promise<Secret | undefined> {
  return orUndefined(client.get(SECRETS, { namespace, name }));
}

async function orUndefined<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if (isKubeError(error, 'NotFound')) return undefined;
    throw error;
  }
}
