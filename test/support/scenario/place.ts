/**
 * A namespace in which single services (see single.ts) run under one operator, with a count of all pods that ever were: what a
 * test of claims and bounds stands on.
 */
import { randomUUID } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { follow } from '../cluster/follow.ts';
import { KubeApi } from '../cluster/kubeapi.ts';
import type { ProvidedCluster } from '../cluster/provided.ts';
import { isStatus } from '../node/objects.ts';
import type { Pod } from '../node/types.ts';
import { signToken } from '../traffic/tokens.ts';
import { createNamespace, installOperator, letLead } from './install.ts';
import { type OperatorOptions, type OperatorProcess, startOperator } from './operator.ts';
import { waitFor } from './rotation.ts';
import { KEY, type Running, rotationName, rotationOf, runningDeployment, secretName, targetName } from './single.ts';
import { until } from './until.ts';
import { acceptingPods } from './verdicts.ts';
import { watchPods } from './watchPods.ts';

/** Where the service of the manifests verifies. */
export const CANARY = { path: '/auth/verify', port: 8000 };
const CLAIMS = { issuer: 'remotehive', audience: 'remotehive' };
/** Tokens live so short that a rotation takes seconds. */
const TIMES = { maxTokenTTL: '5s', clockSkew: '1s', retire: { slack: '1s' } };

type Fields = Readonly<Record<string, unknown>>;

export interface Place {
  readonly api: KubeApi;
  readonly namespace: string;
  /** Of the resource with this id, for what asks for one. */
  at(id: string): { readonly api: KubeApi; readonly namespace: string; readonly name: string };
  /** A Secret with {@link KEY}, a Deployment and a resource, taken over and at rest. */
  make(id: string, running: Running, spec?: Fields, data?: Readonly<Record<string, string>>): Promise<void>;
  /** Rolls another version of the service out, as people do. */
  deploy(id: string, running: Running): Promise<void>;
  /** How many pods there ever were of the service with this id. */
  ever(id: string): number;
  /** The pods of this service that are there and not Terminating. */
  pods(id: string): readonly Pod[];
  /** How many of them accept a token signed with this key. */
  accepting(id: string, key: string): Promise<number>;
  operator(options?: Partial<OperatorOptions>): Promise<OperatorProcess>;
  close(): Promise<void>;
}

/** @param name of the namespace, made unique */
export async function openPlace(cluster: ProvidedCluster, name: string): Promise<Place> {
  const api = KubeApi.fromKubeconfig(cluster.kubeconfig);
  const namespace = `${name}-${randomUUID().slice(0, 8)}`;
  const dir = join(cluster.dir, namespace);
  mkdirSync(dir, { recursive: true });
  await installOperator(api);
  await createNamespace(api, namespace);
  await letLead(api, namespace);
  const watch = await watchPods(api, namespace);
  const census = takeCensus(api, namespace);
  const operators: OperatorProcess[] = [];
  const isOf = (id: string) => (pod: Pod) => pod.metadata.labels?.app === targetName(id);
  const pods = (id: string) =>
    watch.pods().filter((pod) => isOf(id)(pod) && pod.metadata.deletionTimestamp === undefined);
  return {
    api,
    namespace,
    at: (id) => ({ api, namespace, name: rotationName(id) }),
    make: async (id, running, spec = {}, data = {}) => {
      const stringData = { JWT_SECRET_KEY: KEY, ...data };
      await api.create({ kind: 'Secret', metadata: { namespace, name: secretName(id) }, stringData });
      await api.create(runningDeployment(namespace, id, running));
      await untilRolledOut(api, namespace, targetName(id));
      const edit = { ...TIMES, canary: CLAIMS, targets: [{ name: targetName(id), canary: CANARY }], ...spec };
      await api.create(rotationOf(namespace, rotationName(id), id, edit));
      // what its pods answer may stand in the way of more
      await waitFor(api, namespace, rotationName(id), 'it is taken over', ({ resource }) => {
        return resource.status?.phase === 'Steady';
      });
    },
    deploy: async (id, running) => {
      const { spec } = runningDeployment(namespace, id, running) as { readonly spec?: unknown };
      await api.patch({ kind: 'Deployment', namespace, name: targetName(id) }, { spec });
      await untilRolledOut(api, namespace, targetName(id));
    },
    ever: (id) => census.count(targetName(id)),
    pods,
    accepting: async (id, key) => {
      const token = await signToken({ key, ...CLAIMS });
      const asked = async () =>
        watch.endpoints().filter(({ service, terminating }) => service === targetName(id) && !terminating);
      return (await acceptingPods(asked, token)).length;
    },
    operator: async (options = {}) => {
      const { kubeconfig, programs } = cluster;
      const logFile = join(dir, 'operator.log');
      const started = await startOperator({
        ...{ program: programs?.operator, kubeconfig, logFile },
        ...{ namespaces: [namespace], leaseNamespace: namespace, ...options },
      });
      operators.push(started);
      return started;
    },
    close: async () => {
      await Promise.all(operators.map((operator) => operator.stop()));
      await Promise.all([watch.close(), census.close()]);
      await api.delete({ kind: 'Namespace', name: namespace });
      await api.close();
    },
  };
}

/** As people do; it may be gone already. */
export async function deletePod(api: KubeApi, namespace: string, name: string, gracePeriodSeconds = 10): Promise<void> {
  await api.delete({ kind: 'Pod', namespace, name }, { gracePeriodSeconds }).catch((error: unknown) => {
    if (!isStatus(error, 404)) throw error;
  });
}

interface Census {
  count(app: string): number;
  close(): Promise<void>;
}

/** Counts pods by their label app, also those that are gone. */
function takeCensus(api: KubeApi, namespace: string): Census {
  const apps = new Map<string, string>();
  const note = ({ metadata }: Pod): void => void apps.set(String(metadata.uid), metadata.labels?.app ?? '');
  const ends = new AbortController();
  const onList = (items: readonly Pod[]) => items.forEach(note);
  const task = follow<Pod>(api, { kind: 'Pod', namespace }, { onList, onChange: note, onDelete: note }, ends.signal);
  return {
    count: (app) => [...apps.values()].filter((other) => other === app).length,
    close: async () => {
      ends.abort();
      await task;
    },
  };
}

interface Rolling {
  readonly metadata: { readonly generation?: number };
  readonly spec: { readonly replicas?: number };
  readonly status?: Readonly<Record<string, number>>;
}

/** Waits until all pods of a Deployment are of its newest template, ready, and no others are there. */
async function untilRolledOut(api: KubeApi, namespace: string, name: string): Promise<void> {
  await until(`${name} is rolled out`, async () => {
    const {
      metadata,
      spec,
      status = {},
    } = (await api.get({ kind: 'Deployment', namespace, name })) as never as Rolling;
    const { observedGeneration = 0, replicas = 0, updatedReplicas = 0, availableReplicas = 0 } = status;
    const isSeen = observedGeneration >= (metadata.generation ?? 0);
    return isSeen && [replicas, updatedReplicas, availableReplicas].every((count) => count === spec.replicas);
  });
}
