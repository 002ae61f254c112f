import { mkdirSync } from 'node:fs';
import { follow } from '../cluster/follow.ts';
import type { KubeApi } from '../cluster/kubeapi.ts';
import type { KubeObject } from '../cluster/kubeobject.ts';
import { claimAddressBlock } from './addresses.ts';
import { faultAnnotations, frozenSecrets } from './faults.ts';
import type { Images } from './image.ts';
import { ObjectSource } from './objects.ts';
import { type NodeContext, PodWorker } from './pod.ts';
import type { BackOff } from './prepare.ts';
import { isReady, registerNode, renewLease, reportReady, unregisterNode } from './registration.ts';
import type { Pod } from './types.ts';

/** Options of `startProcessNode`. */
export interface ProcessNodeOptions {
  /** Used for everything that the node does; it is not closed by `stop`. */
  readonly api: KubeApi;
  /** The name of the Node. */
  readonly name: string;
  /** For logs and volumes, made when missing. */
  readonly dir: string;
  readonly images: Images;
  /** The first three octets of the pods' addresses, such as "127.20.7"; by default a free block. */
  readonly podCidrPrefix?: string;
  readonly backOff?: BackOff;
  /** How long mounted Secrets and ConfigMaps lag behind; 1,000 by default (a real kubelet: about a minute). */
  readonly volumeRefreshMs?: number;
}

/** A node of the cluster whose containers are local processes. */
export interface ProcessNode {
  readonly name: string;
  readonly nodeIP: string;
  /** Container output is in `<dir>/pods/<namespace>_<pod>/<container>.log`. */
  readonly dir: string;
  /** Kills all containers and removes the Node. */
  stop(): Promise<void>;
}

/**
 * Starts a node in this process: it registers itself, runs the pods that the
 * scheduler gives it and reports on them, as a kubelet would. Needs no root and
 * no container runtime.
 *
 * What differs from a real node: containers share the machine's file system and
 * network, so a service has to listen on `POD_IP` (always in its environment)
 * and finds its mounts under `REKEY_MOUNT_ROOT`: a variable that names a mount by
 * its path is changed to that; Services and kubectl logs and exec do not work;
 * resources are not limited.
 *
 * What it can do on command is in faults.ts.
 */
export async function startProcessNode(options: ProcessNodeOptions): Promise<ProcessNode> {
  const { api, name, dir, images } = options;
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const addresses = await claimAddressBlock(options.podCidrPrefix);
  const objects = new ObjectSource(api);
  const context: NodeContext = {
    api,
    dir,
    images,
    objects,
    addresses,
    backOff: options.backOff ?? { initialMs: 1_000, maxMs: 10_000, resetAfterMs: 30_000 },
    volumeRefreshMs: options.volumeRefreshMs ?? 1_000,
  };
  const ends = new AbortController();
  const workers = new Map<string, PodWorker>();
  await registerNode(api, name, addresses.nodeIP);

  const onPod = (pod: Pod): void => {
    const uid = String(pod.metadata.uid);
    const worker = workers.get(uid);
    if (worker !== undefined) {
      worker.update(pod);
      return;
    }
    const started = new PodWorker(pod, context);
    workers.set(uid, started);
    void started.done.then(() => workers.delete(uid));
  };
  const onPods = (pods: readonly Pod[]): void => {
    const present = new Set(pods.map(({ metadata }) => metadata.uid));
    for (const [uid, worker] of workers) if (!present.has(uid)) worker.vanish();
    for (const pod of pods) onPod(pod);
  };
  const onNode = async (node: KubeObject): Promise<void> => {
    if (!isReady(node)) await reportReady(api, name);
    const wanted = node.metadata.annotations?.[faultAnnotations.freezeSecret] ?? null;
    if (wanted === (node.metadata.annotations?.[faultAnnotations.frozenSecret] ?? null)) return;
    await objects.freeze(frozenSecrets(node));
    const annotations = { [faultAnnotations.frozenSecret]: wanted };
    await api.patch({ kind: 'Node', name }, { metadata: { annotations } });
  };

  const tasks = [
    renewLease(api, name, ends.signal),
    follow<Pod>(
      api,
      { kind: 'Pod', fieldSelector: `spec.nodeName=${name}` },
      {
        onList: onPods,
        onChange: onPod,
        onDelete: (pod) => workers.get(String(pod.metadata.uid))?.vanish(),
      },
      ends.signal,
    ),
    follow(
      api,
      { kind: 'Node', fieldSelector: `metadata.name=${name}` },
      {
        onList: async (nodes) => {
          for (const node of nodes) await onNode(node);
        },
        onChange: onNode,
        onDelete: () => registerNode(api, name, addresses.nodeIP),
      },
      ends.signal,
    ),
  ];
  return {
    name,
    nodeIP: addresses.nodeIP,
    dir,
    stop: async () => {
      ends.abort();
      await Promise.all(tasks);
      const all = [...workers.values()];
      for (const worker of all) worker.vanish();
      await Promise.all(all.map(({ done }) => done));
      // The API server may have gone first: then so has the Node.
      await unregisterNode(api, name).catch(() => {});
      await addresses.release();
    },
  };
}
