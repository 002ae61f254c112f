/**
 * Which resources a change in the cluster puts into the queue.
 */
import { priorityOf } from './rotation/requests/urgency.ts';
import { keyOf } from './runtime/store.ts';
import type { WorkQueue } from './runtime/workqueue.ts';
import type { WatchedCluster } from './watched-cluster.ts';

/** The namespace of what has changed; undefined on the side of the change where it does not exist. */
type Changed = { readonly namespace: string } | undefined;

/** A change of a workload or a pod wakes every resource of its namespace: it may be a target, or an unlisted consumer. */
export function wakeOnChange(queue: WorkQueue, { resources, workloads, pods }: WatchedCluster): void {
  resources.onChange((key, old, current) => {
    queue.add(key, { priority: current === undefined ? 0 : priorityOf(current) });
    if (old !== undefined && current !== undefined) return;
    // of two resources on one Secret, the younger one is served once the older one is gone
    const { metadata, spec } = current ?? old ?? {};
    for (const other of resources.list(metadata?.namespace)) {
      if (other.spec.secretName === spec?.secretName) queue.add(keyOf(other.metadata));
    }
  });
  const neighbours = (_: string, old: Changed, current: Changed) => {
    for (const { metadata } of resources.list((current ?? old)?.namespace)) queue.add(keyOf(metadata));
  };
  for (const store of Object.values(workloads)) store.onChange(neighbours);
  pods.onChange(neighbours);
}
