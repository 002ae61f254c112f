/** Every version of a JwtKeyRotation, as a tool that watches it would see them. */
import { follow } from '../cluster/follow.ts';
import type { KubeApi } from '../cluster/kubeapi.ts';
import type { KubeObject } from '../cluster/kubeobject.ts';

export interface Statuses {
  /** Oldest first. */
  seen(): readonly KubeObject[];
  close(): Promise<void>;
}

/** Resolves when it was looked at once. */
export async function watchStatuses(api: KubeApi, namespace: string, name: string): Promise<Statuses> {
  const seen: KubeObject[] = [];
  const ends = new AbortController();
  const listed = Promise.withResolvers<void>();
  const query = { kind: 'JwtKeyRotation', namespace, fieldSelector: `metadata.name=${name}` } as const;
  const handlers = {
    onList: (items: readonly KubeObject[]) => {
      seen.push(...items);
      listed.resolve();
    },
    onChange: (item: KubeObject) => void seen.push(item),
    onDelete: () => {},
  };
  const task = follow<KubeObject>(api, query, handlers, ends.signal);
  await listed.promise;
  return {
    seen: () => [...seen],
    close: async () => {
      ends.abort();
      await task;
    },
  };
}
