/**
 * All reads of a decision: workloads, pods and the Secret, from the caches or from the API server itself.
 */

import { defined } from '../../base/objects.ts';
import type { KubeClient } from '../../kube/client.ts';
import { isKubeError } from '../../kube/errors.ts';
import {
  type HorizontalPodAutoscaler,
  PODS,
  type PodDisruptionBudget,
  SECRETS,
  type Secret,
} from '../../kube/types.ts';
import type { Availability } from '../../runtime/optional-reflector.ts';
import { keyOf, type Store } from '../../runtime/store.ts';
import type { SecretFacts } from '../facts.ts';
import { readSecret } from '../secret/secret.ts';
import { OPTIONAL_KINDS, type OptionalKind, type Settings, type WorkloadKind } from '../settings/settings.ts';
import { limitedAutoscalers } from '../workloads/autoscalers.ts';
import { strictBudgets } from '../workloads/budgets.ts';
import { type PodView, podView, type View } from '../workloads/views.ts';
import type { WorkloadView } from '../workloads/workload-view.ts';
import { WORKLOADS } from '../workloads/workloads.ts';

/** The source of a decision: the caches, or the API server itself. */
export interface World extends Neighbours {
  readonly live: boolean;
  /** PodDisruptionBudgets that allow no eviction although all pods are healthy. A cached world knows none. */
  strictBudgets(namespace: string): Promise<readonly PodDisruptionBudget[]>;
  /** HorizontalPodAutoscalers that want more pods than they may have. A cached world knows none. */
  limitedAutoscalers(namespace: string): Promise<readonly HorizontalPodAutoscaler[]>;
}

/** All workloads and pods of a namespace, targets or not. */
export interface Neighbours {
  readonly workloads: Readonly<Record<WorkloadKind, Listed<WorkloadView>>>;
  readonly pods: Listed<PodView>;
  readonly availability: (kind: OptionalKind) => Availability;
}

interface Listed<T> {
  list(namespace: string): readonly T[];
  /** @param key `namespace/name` */
  get(key: string): T | undefined;
}

export interface Caches extends Neighbours {
  readonly workloads: Readonly<Record<WorkloadKind, Store<WorkloadView>>>;
  readonly pods: Store<PodView>;
}

/** @returns the world as the watches have seen it */
export function cachedWorld({ workloads, pods, availability }: Caches): World {
  const nothing = { strictBudgets: async () => [], limitedAutoscalers: async () => [] };
  return { live: false, workloads, pods, availability, ...nothing };
}

/**
 * Reads from the API server what a write depends on: a cache may be stale without knowing.
 *
 * @param availabilityOf whether a kind is served, and may be read
 */
export async function liveWorld(
  client: KubeClient,
  namespace: string,
  availabilityOf: (kind: OptionalKind) => Availability | Promise<Availability>,
): Promise<World> {
  const asked = OPTIONAL_KINDS.map(async (kind) => [kind, await availabilityOf(kind)] as const);
  const known = new Map<WorkloadKind, Availability>(await Promise.all(asked));
  const viewsOf = async (kind: WorkloadKind): Promise<Listed<WorkloadView>> => {
    if (known.has(kind) && known.get(kind) !== 'Served') return listed([]);
    const { type, view } = WORKLOADS[kind];
    return listed((await client.list(type, { namespace })).items.map(view));
  };
  const [Deployment, StatefulSet, DaemonSet, Rollout, CronJob, Job, pods] = await Promise.all([
    viewsOf('Deployment'),
    viewsOf('StatefulSet'),
    viewsOf('DaemonSet'),
    viewsOf('Rollout'),
    viewsOf('CronJob'),
    viewsOf('Job'),
    client.list(PODS, { namespace }),
  ]);
  return {
    live: true,
    workloads: { Deployment, StatefulSet, DaemonSet, Rollout, CronJob, Job },
    pods: listed(pods.items.map(podView)),
    availability: (kind) => known.get(kind) ?? 'Absent',
    strictBudgets: once(() => strictBudgets(client, namespace)),
    limitedAutoscalers: once(() => limitedAutoscalers(client, namespace)),
  };
}

/** For several targets they are read once. */
function once<T>(read: () => Promise<T>): () => Promise<T> {
  let reading: Promise<T> | undefined;
  return () => {
    reading ??= read();
    return reading;
  };
}

/** Indexes the objects of one namespace. */
function listed<T extends View>(items: readonly T[]): Listed<T> {
  const byKey = new Map(items.map((item) => [keyOf(item), item]));
  return { list: () => items, get: (key) => byKey.get(key) };
}

/** A read of the Secret, together with the version that a write must be conditional on. */
export interface SecretReading {
  readonly facts: SecretFacts;
  readonly resourceVersion?: string;
}

/** The Secret itself, for the rest of the pass that has read it. */
export interface Lent {
  /** Undefined if there is none. */
  readonly secret: Secret | undefined;
}

/**
 * @returns the Secret as the API server has it now, without its keys, to be remembered; and itself, to be forgotten
 *   with the pass
 */
export async function readSecretNow(
  client: KubeClient,
  namespace: string,
  settings: Settings,
): Promise<{ readonly reading: SecretReading; readonly lent: Lent }> {
  const secret = await getSecret(client, namespace, settings.secretName);
  const resourceVersion = secret?.metadata.resourceVersion;
  return { reading: { facts: readSecret(secret, settings), ...defined({ resourceVersion }) }, lent: { secret } };
}

/** @returns the Secret with its content; undefined if there is none */
export async function getSecret(client: KubeClient, namespace: string, name: string): Promise<Secret | undefined> {
  return orUndefined(client.get(SECRETS, { namespace, name }));
}

/** @returns undefined if there is no such object */
export async function orUndefined<T>(found: Promise<T>): Promise<T | undefined> {
  try {
    return await found;
  } catch (error) {
    if (isKubeError(error, 'NotFound')) return undefined;
    throw error;
  }
}
