/** A namespace with the three example services as containers, a Secret, a resource and traffic: what a scene stands on. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { follow } from '../support/cluster/follow.ts';
import type { KubeApi } from '../support/cluster/kubeapi.ts';
import type { KubeObject } from '../support/cluster/kubeobject.ts';
import type { ContainerSpec, Pod, PodSpec } from '../support/node/types.ts';
import { createNamespace } from '../support/scenario/install.ts';
import { type KeyRecorder, recordKeys } from '../support/scenario/key-recorder.ts';
import { waitUntilReady } from '../support/scenario/rotation.ts';
import { scanForKeys } from '../support/scenario/secrets-scan.ts';
import {
  createSecret,
  deploymentOf,
  rotationFor,
  SECRET_NAME,
  SERVICE_NAMES,
  type ServiceName,
  waitForServices,
} from '../support/scenario/services.ts';
import { until } from '../support/scenario/until.ts';
import { acceptingPods } from '../support/scenario/verdicts.ts';
import { type PodWatch, watchPods } from '../support/scenario/watchPods.ts';
import type { PodEndpoint } from '../support/traffic/endpoints.ts';
import { signToken } from '../support/traffic/tokens.ts';
import { startTraffic, type Traffic } from '../support/traffic/traffic.ts';
import { type E2eCluster, letIn, operatorLogs } from './cluster.ts';

/** Seconds. */
const TOKEN_TTL = 8;
const TOKENS_PER_SECOND = 8;
const REPLICAS = { main: 2, autoscraper: 1, admin: 1 } as const;

/** How the services of a scene differ from the manifests. */
export interface ShopOptions {
  /** Of the pods of a service; adds what a scene is about. */
  readonly edit?: (name: ServiceName, pod: PodSpec) => PodSpec;
  /** Fields that replace those of the resource's spec. */
  readonly spec?: Readonly<Record<string, unknown>>;
  /** How each target reads the Secret; Env if absent. */
  readonly sources?: Readonly<Partial<Record<ServiceName, 'File' | 'SubPath'>>>;
  /** Whether the Secret is made by rekey, after the services were deployed. */
  readonly noSecret?: boolean;
  /** Life of a token, seconds. Default 8. */
  readonly tokenTtlSeconds?: number;
  /** Further places that verify, of a pod that the traffic knows: such as a sidecar. */
  readonly beside?: (endpoint: PodEndpoint) => readonly PodEndpoint[];
}

export interface Shop {
  readonly cluster: E2eCluster;
  readonly api: KubeApi;
  readonly namespace: string;
  /** Of the resource and of the Secret. */
  readonly name: string;
  readonly pods: PodWatch;
  readonly keys: KeyRecorder;
  readonly traffic: Traffic;
  /** Every pod that there ever was, by uid. */
  everyPod(): readonly Pod[];
  /** How many places verify, and how many of them accept a token signed with this key. */
  accepting(key: string): Promise<{ readonly accepting: number; readonly all: number }>;
  /** @returns where key bytes were found in what the operator said and wrote */
  leaks(): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** Deploys a shop and waits until rekey manages its Secret and the traffic has run for a moment. */
export async function openShop(cluster: E2eCluster, namespace: string, options: ShopOptions = {}): Promise<Shop> {
  const { spec = {}, sources = {}, noSecret = false, tokenTtlSeconds = TOKEN_TTL, beside = () => [] } = options;
  const { api } = cluster;
  await createNamespace(api, namespace);
  await letIn(cluster, namespace, SECRET_NAME, Object.values(sources).includes('File'));
  const keys = await recordKeys(api, namespace, SECRET_NAME);
  if (!noSecret) await createSecret(api, namespace);
  for (const name of SERVICE_NAMES) await deploy(api, namespace, name, options);
  const pods = await watchPods(api, namespace);
  const census = takeCensus(api, namespace);
  if (!noSecret) await waitForServices(api, namespace);
  const times = { maxTokenTTL: `${tokenTtlSeconds}s`, clockSkew: '1s', retire: { slack: '1s' } };
  await api.create(withSources(rotationFor({ namespace, spec: { ...times, ...spec } }), sources));
  await waitUntilReady(api, namespace, SECRET_NAME);
  await waitForServices(api, namespace);
  const endpoints = (): readonly PodEndpoint[] => pods.endpoints().flatMap((pod) => [pod, ...beside(pod)]);
  // the longer tokens live, the more are out: each is checked as often in its life
  const recheckEveryMs = tokenTtlSeconds * 125;
  const traffic = startTraffic({
    ...{ endpoints, recheckEveryMs, tokensPerSecond: TOKENS_PER_SECOND, tokenTtlSeconds, issuers: ['main'] },
  });
  await until('there are tokens', async () => traffic.stats().issued >= 2 * TOKENS_PER_SECOND, { everyMs: 100 });
  return {
    ...{ cluster, api, namespace, name: SECRET_NAME, pods, keys, traffic },
    everyPod: census.pods,
    accepting: async (key) => {
      const token = await signToken({ key, issuer: 'remotehive', audience: 'remotehive' });
      let all = 0;
      const staying = async () => {
        const { items } = await api.list<Pod>({ kind: 'Pod', namespace });
        const names = new Set(items.filter(isStaying).map(({ metadata }) => metadata.name));
        const asked = endpoints().filter(({ pod, terminating }) => !terminating && names.has(pod));
        all = asked.length;
        return asked;
      };
      return { accepting: (await acceptingPods(staying, token)).length, all };
    },
    leaks: async () => {
      const path = (group: string, plural: string): string => `/apis/${group}/namespaces/${namespace}/${plural}`;
      const told = {
        events: await api.raw({ path: path('events.k8s.io/v1', 'events') }),
        resources: await api.raw({ path: path('rekey.dev/v1alpha1', 'jwtkeyrotations') }),
        log: await operatorLogs(cluster),
        audit: readFileSync(cluster.controlPlane.auditLogPath, 'utf8'),
      };
      const texts = Object.entries(told).map(([name, value]) => ({
        ...{ name, text: typeof value === 'string' ? value : JSON.stringify(value) },
      }));
      return scanForKeys(texts, keys.keys()).map(({ where, form }) => `a key as ${form} in ${where}`);
    },
    close: async () => {
      await traffic.stop();
      await Promise.all([keys.close(), pods.close(), census.close()]);
      await api.delete({ kind: 'Namespace', name: namespace });
      // its pods would slow the next scene down
      await until('the pods are gone', async () => (await api.list({ kind: 'Pod', namespace })).items.length === 0);
    },
  };
}

const isStaying = ({ metadata }: Pod): boolean => metadata.deletionTimestamp === undefined;

/** A service as examples/manifests shows it, with the short times of tests. */
async function deploy(api: KubeApi, namespace: string, name: ServiceName, options: ShopOptions): Promise<void> {
  const { edit, tokenTtlSeconds = TOKEN_TTL } = options;
  const shown = deploymentOf(name, namespace, {
    ...{ tokenTtlSeconds, prestopSeconds: 1, services: { [name]: { replicas: REPLICAS[name] } } },
  }) as KubeObject & { readonly spec: { readonly template: { readonly spec: PodSpec } } };
  const { template } = shown.spec;
  const spec = edit === undefined ? template.spec : edit(name, template.spec);
  const edited = { ...shown, spec: { ...shown.spec, template: { ...template, spec } } };
  await api.patch({ kind: 'Deployment', namespace, name }, edited, 'apply', 'rekey-e2e');
}

function withSources(rotation: KubeObject, sources: NonNullable<ShopOptions['sources']>): KubeObject {
  const { spec } = rotation as unknown as { readonly spec: { readonly targets: readonly { name: ServiceName }[] } };
  const targets = spec.targets.map((target) => ({
    ...target,
    ...(sources[target.name] !== undefined && { source: sources[target.name] }),
  }));
  return { ...rotation, spec: { ...spec, targets } };
}

function takeCensus(api: KubeApi, namespace: string) {
  const ends = new AbortController();
  const seen = new Map<string, Pod>();
  const see = (pod: Pod): void => void seen.set(String(pod.metadata.uid), pod);
  const selection = { kind: 'Pod', namespace };
  const follower = { onList: (pods: readonly Pod[]) => pods.forEach(see), onChange: see, onDelete: see };
  const task = follow<Pod>(api, selection, follower, ends.signal);
  const close = async (): Promise<void> => {
    ends.abort();
    await task;
  };
  return { pods: () => [...seen.values()], close };
}

/** The service that is in Node reads the mounted Secret, by the library that follows it. */
export function mountFolder(pod: PodSpec): PodSpec {
  return mountAs(pod, [{ name: 'keys', mountPath: '/keys' }]);
}

/** Each file on its own: the kubelet never changes those. */
export function mountFiles(pod: PodSpec): PodSpec {
  const files = ['JWT_SECRET_KEY', 'JWT_SECRET_KEY_FALLBACKS', 'JWT_KEY_ID'];
  return mountAs(
    pod,
    files.map((file) => ({ name: 'keys', mountPath: join('/keys', file), subPath: file })),
  );
}

function mountAs(pod: PodSpec, volumeMounts: NonNullable<ContainerSpec['volumeMounts']>): PodSpec {
  const containers = pod.containers.map(({ envFrom: _, ...container }) => ({
    ...container,
    env: [...(container.env ?? []), { name: 'KEYSET_DIR', value: '/keys' }],
    volumeMounts,
  }));
  return { ...pod, containers, volumes: [{ name: 'keys', secret: { secretName: SECRET_NAME } }] };
}
