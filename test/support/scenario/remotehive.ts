/** examples/remotehive-like on a real API server: the manifests as they are shown, with short times, under traffic of their own kind. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { loadAll } from 'js-yaml';
import { runKubectl } from '../cluster/kubectl.ts';
import type { KubeObject } from '../cluster/kubeobject.ts';
import type { ProvidedCluster } from '../cluster/provided.ts';
import { type RemotehiveClient, remotehiveClient } from '../traffic/remotehive-client.ts';
import { signToken } from '../traffic/tokens.ts';
import { startTraffic, type Traffic } from '../traffic/traffic.ts';
import { letIn, operatorKubeconfig } from './install.ts';
import { type KeyRecorder, recordKeys } from './key-recorder.ts';
import { openPlace, type Place } from './place.ts';
import { until } from './until.ts';
import { type PodWatch, watchPods } from './watchPods.ts';

/** The resource of the example, and the Secret. */
export const ROTATION = 'remotehive';
export const SECRET = 'remotehive-secrets';
/** The folders of the example. */
export type Variant = 'before' | 'ready' | 'with-preload' | 'with-keyring';

const EXAMPLE = join(import.meta.dirname, '..', '..', '..', 'examples', 'remotehive-like');
const ACCESS_SECONDS = 6;
const REFRESH_SECONDS = 10;

/** Seconds for what takes days and minutes in the example. */
const SHORT = [
  ...['main', 'scraper', 'admin'].map((name) => ({
    target: { kind: 'Deployment', name },
    patch: JSON.stringify({
      ...{ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name } },
      spec: { template: { spec: { containers: [{ name, ...quick(name) }] } } },
    }),
  })),
  {
    target: { kind: 'JwtKeyRotation', name: ROTATION },
    patch: JSON.stringify([
      { op: 'replace', path: '/spec/maxTokenTTL', value: `${REFRESH_SECONDS}s` },
      { op: 'add', path: '/spec/clockSkew', value: '1s' },
      { op: 'add', path: '/spec/retire', value: { slack: '1s' } },
    ]),
  },
];

function quick(name: string): object {
  const env = { ACCESS_SECONDS, SERVICE_SECONDS: ACCESS_SECONDS, REFRESH_SECONDS };
  return {
    lifecycle: { preStop: { sleep: { seconds: 1 } } },
    readinessProbe: { periodSeconds: 1 },
    ...(name === 'main' && { env: Object.entries(env).map(([key, value]) => ({ name: key, value: String(value) })) }),
  };
}

export interface Remotehive {
  readonly place: Place;
  readonly keys: KeyRecorder;
  readonly pods: PodWatch;
  readonly client: RemotehiveClient;
  /** Applies a variant, or of it only what fits. */
  apply(variant: Variant, fits?: (object: KubeObject) => boolean): Promise<void>;
  /** Tokens of main, checked at all three services all the time. */
  traffic(): Traffic;
  /** The services with a pod, not Terminating, that accepts a token of a person signed with this key, sorted. */
  accepting(key: string): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** A namespace of its own, with an operator that has the rights of deploy/ for the one Secret. */
export async function openRemotehive(cluster: ProvidedCluster, name: string): Promise<Remotehive> {
  const place = await openPlace(cluster, name);
  const { api, namespace } = place;
  const dir = join(cluster.dir, namespace);
  await letIn(api, namespace, SECRET);
  await place.operator({ kubeconfig: await operatorKubeconfig(api, join(dir, 'operator.kubeconfig')) });
  const keys = await recordKeys(api, namespace, SECRET);
  const pods = await watchPods(api, namespace);
  const client = remotehiveClient();
  const traffics: Traffic[] = [];
  const endpoints = () => pods.endpoints().filter(({ service }) => service !== 'worker');
  return {
    ...{ place, keys, pods, client },
    apply: async (variant, fits = () => true) => {
      const objects = await rendered(cluster, dir, namespace, variant);
      const wanted = objects.filter((object) => object.kind !== 'Namespace' && fits(object));
      await api.apply(wanted.map((object) => JSON.stringify(object)).join('\n---\n'), namespace);
    },
    traffic: () => {
      const options = { endpoints, tokensPerSecond: 2, tokenTtlSeconds: ACCESS_SECONDS, issuers: ['main'], client };
      const traffic = startTraffic(options);
      traffics.push(traffic);
      return traffic;
    },
    accepting: (key) => acceptingServices(endpoints, key),
    close: async () => {
      await Promise.all(traffics.map((traffic) => traffic.stop()));
      await Promise.all([keys.close(), pods.close()]);
      await place.close();
    },
  };
}

/** What `kubectl kustomize` makes of a variant in another namespace and with short times. */
async function rendered(
  { kubectl }: ProvidedCluster,
  dir: string,
  namespace: string,
  variant: Variant,
): Promise<readonly KubeObject[]> {
  const folder = join(dir, variant);
  mkdirSync(folder, { recursive: true });
  const kustomization = { namespace, resources: [relative(folder, join(EXAMPLE, variant))], patches: SHORT };
  writeFileSync(join(folder, 'kustomization.yaml'), JSON.stringify(kustomization));
  const { code, stdout, stderr } = await runKubectl(kubectl, ['kustomize', folder]);
  if (code !== 0) throw new Error(stderr);
  return loadAll(stdout) as KubeObject[];
}

async function acceptingServices(
  endpoints: () => ReturnType<PodWatch['endpoints']>,
  key: string,
): Promise<readonly string[]> {
  const claims = { subject: 'ada@remotehive.test', issuer: 'remotehive', audience: 'remotehive' };
  const token = await signToken({ key, ...claims, ttlSeconds: 600 });
  // connections of its own: a kept one could belong to a pod that had the address before
  const client = remotehiveClient();
  try {
    return await until('each pod has given a verdict', async () => {
      const asked = endpoints().filter(({ terminating }) => !terminating);
      const verdicts = await Promise.all(asked.map(({ url }) => client.verify(url, token)));
      if (verdicts.some(({ outcome }) => outcome === 'unavailable')) return undefined;
      const accepted = asked.filter((_, i) => verdicts[i]?.outcome === 'accepted').map(({ service }) => service);
      return [...new Set(accepted)].sort();
    });
  } finally {
    await client.close();
  }
}
