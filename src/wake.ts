/**
 * Which resources a change in the cluster puts into the queue: those that it concerns, however many others share their
 * namespace. A change that says nothing new wakes nobody.
 */
import type { JwtKeyRotation } from './rotation/api/names.ts';
import { priorityOf } from './rotation/requests/urgency.ts';
import { isEcho, namesOfPod, namesOfResource, namesOfWorkload, saySame } from './rotation/workloads/concerns.ts';
import type { View } from './rotation/workloads/views.ts';
import { keyOf } from './runtime/store.ts';
import type { WorkQueue } from './runtime/workqueue.ts';
import type { WatchedCluster } from './watched-cluster.ts';

/** The resources of each name, by `namespace/Kind/name`. */
type Index = Map<string, Set<string>>;

/** Wakes the resources that a change of a resource, a workload or a pod concerns. */
export function wakeOnChange(
  queue: Pick<WorkQueue, 'add'>,
  { resources, workloads, pods }: Pick<WatchedCluster, 'resources' | 'workloads' | 'pods'>,
): void {
  const index: Index = new Map();
  const wake = (key: string) => {
    const resource = resources.get(key);
    queue.add(key, { priority: resource === undefined ? 0 : priorityOf(resource) });
  };
  resources.onChange((key, old, current) => {
    note(index, key, old, current);
    if (!isEcho(old, current)) wake(key);
    if (old !== undefined && current !== undefined) return;
    // of two resources on one Secret, the younger one is served once the older one is gone
    const { metadata: { namespace = '' } = {}, spec } = current ?? old ?? {};
    for (const other of index.get(`${namespace}/Secret/${spec?.secretName}`) ?? []) wake(other);
  });
  const wakes = <T extends View>(namesOf: (view: T) => readonly string[]) => {
    return (_: string, old: T | undefined, current: T | undefined) => {
      if (saySame(old, current)) return;
      const concerned = [old, current].flatMap((view) => {
        const names = view === undefined ? [] : namesOf(view);
        return names.flatMap((name) => [...(index.get(`${view?.namespace}/${name}`) ?? [])]);
      });
      for (const key of new Set(concerned)) wake(key);
    };
  };
  for (const store of Object.values(workloads)) store.onChange(wakes((view) => namesOfWorkload(view, workloads)));
  pods.onChange(wakes((pod) => namesOfPod(pod, workloads)));
}

function note(index: Index, key: string, old: JwtKeyRotation | undefined, current: JwtKeyRotation | undefined): void {
  for (const name of old === undefined ? [] : placesOf(old)) {
    const keys = index.get(name);
    keys?.delete(key);
    if (keys?.size === 0) index.delete(name);
  }
  for (const name of current === undefined ? [] : placesOf(current)) {
    index.set(name, (index.get(name) ?? new Set()).add(key));
  }
}

function placesOf(resource: JwtKeyRotation): readonly string[] {
  return namesOfResource(resource).map((name) => keyOf({ namespace: resource.metadata.namespace ?? '', name }));
}
