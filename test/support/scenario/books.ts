import { booksNameOf } from '../../../src/rotation/audit/books.ts';
import type { KubeObject } from '../cluster/kubeobject.ts';
import type { Scene } from './scene.ts';

type ConfigMap = KubeObject & { readonly data?: Readonly<Record<string, string>> };

/** The ConfigMap of audit log and ledger, to be patched. */
export function booksOf({ namespace, name }: Scene) {
  return { kind: 'ConfigMap', namespace, name: booksNameOf(name) } as const;
}

/** @returns the text of a data key of it */
export async function readBook(scene: Scene, key: string): Promise<string | undefined> {
  return (await scene.api.find<ConfigMap>(booksOf(scene)))?.data?.[key];
}
