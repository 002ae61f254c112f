import { follow } from '../cluster/follow.ts';
import type { KubeApi } from '../cluster/kubeapi.ts';
import type { Pod } from '../node/types.ts';
import type { PodEndpoint } from '../traffic/endpoints.ts';
import { kubernetesEndpoints } from '../traffic/kubernetesEndpoints.ts';

/** The pods of a namespace as they are now, kept up by a watch. */
export interface PodWatch {
  pods(): readonly Pod[];
  /** For the traffic, which asks hundreds of times a second. */
  endpoints(): readonly PodEndpoint[];
  close(): Promise<void>;
}

/** Resolves when the pods that are there are known. Survives outages of the API server with what it knew. */
export async function watchPods(api: KubeApi, namespace: string): Promise<PodWatch> {
  const known = new Map<string, Pod>();
  let endpoints: readonly PodEndpoint[] = [];
  const ends = new AbortController();
  const changed = (): void => {
    endpoints = kubernetesEndpoints([...known.values()]);
  };
  const listed = Promise.withResolvers<void>();
  const task = follow<Pod>(
    api,
    { kind: 'Pod', namespace },
    {
      onList: (pods) => {
        known.clear();
        for (const pod of pods) known.set(String(pod.metadata.uid), pod);
        changed();
        listed.resolve();
      },
      onChange: (pod) => {
        known.set(String(pod.metadata.uid), pod);
        changed();
      },
      onDelete: (pod) => {
        known.delete(String(pod.metadata.uid));
        changed();
      },
    },
    ends.signal,
  );
  await listed.promise;
  return {
    pods: () => [...known.values()],
    endpoints: () => endpoints,
    close: async () => {
      ends.abort();
      await task;
    },
  };
}
