import { ledgerConfigMapName } from '../../../src/rotation/audit/ledger-config-map.ts';
import type { KubeObject } from '../cluster/kubeobject.ts';
import type { Scene } from './scene.ts';

type ConfigMap = KubeObject & { readonly data?: Readonly<Record<string, string>> };

/** The ConfigMap of audit log and ledger, to be patched. */
export function ledgerConfigMapOf({ namespace, name }: Scene) {
  return { kind: 'ConfigMap', namespace, name: ledgerConfigMapName(name) } as const;
}

/** @returns the text of a data key of it */
export async function readLedgerConfigMap(scene: Scene, key: string): Promise<string | undefined> {
  return (await scene.api.find<ConfigMap>(ledgerConfigMapOf(scene)))?.data?.[key];
}
