import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeApi, Selection } from './kubeapi.ts';
import type { KubeObject } from './kubeobject.ts';

/** What to do with what `follow` sees; calls never overlap. */
export interface Follower<T extends KubeObject> {
  /** Everything there is: at the beginning, and again after a gap in the history. */
  onList(items: readonly T[]): void | Promise<void>;
  onChange(object: T): void | Promise<void>;
  onDelete(object: T): void | Promise<void>;
}

/**
 * Lists and then watches until the signal aborts, through outages of the API
 * server. After an error, also one that the follower throws, it lists again.
 */
export async function follow<T extends KubeObject>(
  api: KubeApi,
  selection: Selection,
  follower: Follower<T>,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      const list = await api.list<T>(selection);
      await follower.onList(list.items);
      const from = { ...selection, resourceVersion: list.metadata.resourceVersion };
      for await (const { type, object } of api.watch<T>(from, signal)) {
        if (type === 'ADDED' || type === 'MODIFIED') await follower.onChange(object);
        if (type === 'DELETED') await follower.onDelete(object);
      }
    } catch {
      await sleep(200, undefined, { signal }).catch(() => {});
    }
  }
}
