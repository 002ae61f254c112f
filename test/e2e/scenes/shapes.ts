/** Kubelets that are slow to learn of a Secret, and pods of unusual shape. */
import type { ContainerSpec, Pod, PodSpec } from '../../support/node/types.ts';
import { requestRotation } from '../../support/scenario/rotation.ts';
import type { E2eCluster } from '../cluster.ts';
import { NODE_NAME } from '../node.ts';
import { judgeRotation, type Outcome } from '../outcome.ts';
import { mountFiles, type Shop, type ShopOptions } from '../shop.ts';
import { disturbed } from './disturb.ts';
import { inShop, MOUNTED } from './ways.ts';

/** As in a cluster of some hundred nodes; in a small one it is 0. Seconds. */
const CACHED_FOR = 20;

/** Plays with a kubelet of this kind, and has the usual one again afterwards. */
async function withKubelet<T>(
  { api, node }: E2eCluster,
  changeDetection: 'Cache' | 'Get',
  cachedFor: number,
  play: () => Promise<T>,
): Promise<T> {
  const annotate = (value: string | null) =>
    api.patch(
      { kind: 'Node', name: NODE_NAME },
      { metadata: { annotations: { 'node.alpha.kubernetes.io/ttl': value } } },
    );
  await annotate(String(cachedFor));
  await node.killKubelet();
  await node.startKubelet({ changeDetection, syncFrequency: '10s' });
  try {
    return await play();
  } finally {
    await annotate(null);
    await node.killKubelet();
    await node.startKubelet({});
  }
}

/** Kills a container of each service right after a write: what starts in its place may be given the Secret of before. */
async function crash({ cluster, pods }: Shop): Promise<void> {
  const first = new Map<string, Pod>(pods.pods().map((pod) => [pod.metadata.labels?.app ?? '', pod]));
  for (const pod of first.values()) await cluster.node.killContainers(String(pod.metadata.uid));
}

const PHASES = ['Staging', 'Promoting', 'Draining'] as const;

/** Mounted files follow late, and a container that starts again is given an old Secret. */
export const cache = (cluster: E2eCluster, namespace: string): Promise<Outcome> =>
  withKubelet(cluster, 'Cache', CACHED_FOR, () =>
    disturbed(cluster, namespace, MOUNTED, PHASES, crash, `the kubelet caches Secrets for ${CACHED_FOR} s`),
  );

export const get = (cluster: E2eCluster, namespace: string): Promise<Outcome> =>
  withKubelet(cluster, 'Get', 0, () =>
    disturbed(cluster, namespace, MOUNTED, PHASES, crash, 'the kubelet reads Secrets when it syncs'),
  );

const SIDECAR_PORT = 9000;

/** A second container verifies tokens: a native sidecar, which starts before the others. */
function withSidecar(pod: PodSpec): PodSpec {
  const [main] = pod.containers;
  if (main === undefined) return pod;
  const env = (main.env ?? []).filter(({ name }) => name !== 'PORT' && name !== 'ROLE');
  const sidecar: ContainerSpec = {
    ...main,
    name: 'gate',
    restartPolicy: 'Always',
    ports: [{ name: 'gate', containerPort: SIDECAR_PORT }],
    env: [...env, { name: 'PORT', value: String(SIDECAR_PORT) }, { name: 'ROLE', value: 'verifier' }],
    readinessProbe: { httpGet: { path: '/healthz', port: 'gate' }, periodSeconds: 1, failureThreshold: 1 },
  };
  return { ...pod, initContainers: [sidecar] };
}

const SIDECAR: ShopOptions = {
  edit: (name, pod) => (name === 'main' ? withSidecar(pod) : pod),
  beside: (pod) =>
    pod.service === 'main' ? [{ ...pod, service: 'gate', url: pod.url.replace(/:\d+$/, `:${SIDECAR_PORT}`) }] : [],
};

const rotate = (cluster: E2eCluster, namespace: string, options: ShopOptions, what: string): Promise<Outcome> =>
  inShop(cluster, namespace, options, async (shop) => {
    const outcome = await judgeRotation(shop, await requestRotation(shop.api, namespace, shop.name));
    return { ...outcome, promise: `${outcome.promise}: ${what}` };
  });

export const sidecar = (cluster: E2eCluster, namespace: string): Promise<Outcome> =>
  rotate(cluster, namespace, SIDECAR, 'the sidecar accepts the same tokens');

export const subPath = (cluster: E2eCluster, namespace: string): Promise<Outcome> =>
  rotate(
    cluster,
    namespace,
    {
      edit: (name, pod) => (name === 'admin' ? pod : mountFiles(pod)),
      sources: { main: 'SubPath', autoscraper: 'SubPath' },
      // a file that is mounted alone must be there when the container starts
      noSecret: true,
    },
    'files mounted one by one, and a Secret that rekey made',
  );
