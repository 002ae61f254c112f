import type { KubeApi } from '../cluster/kubeapi.ts';
import { KubeApiError } from '../cluster/kubeobject.ts';
import type { FrozenSecret } from './faults.ts';
import type { ConfigMap, Secret } from './types.ts';

/**
 * Where a node gets Secrets and ConfigMaps from. A real kubelet has a cache
 * that may lag behind the API server; here a Secret is fresh unless the fault
 * freeze-secret makes the lag certain.
 */
export class ObjectSource {
  readonly #api: KubeApi;
  #frozen = new Map<string, { readonly fault: FrozenSecret; readonly secret: Secret | undefined }>();

  constructor(api: KubeApi) {
    this.#api = api;
  }

  /** @returns undefined when there is no such Secret */
  async secret(namespace: string, name: string): Promise<Secret | undefined> {
    const frozen = this.#frozen.get(`${namespace}/${name}`);
    return frozen === undefined ? this.#api.find<Secret>({ kind: 'Secret', namespace, name }) : frozen.secret;
  }

  /** @returns undefined when there is no such ConfigMap */
  configMap(namespace: string, name: string): Promise<ConfigMap | undefined> {
    return this.#api.find<ConfigMap>({ kind: 'ConfigMap', namespace, name });
  }

  /** Makes exactly these Secrets stale. One that was already frozen at the same version keeps its content. */
  async freeze(faults: readonly FrozenSecret[]): Promise<void> {
    const frozen = new Map<string, { readonly fault: FrozenSecret; readonly secret: Secret | undefined }>();
    for (const fault of faults) {
      const key = `${fault.namespace}/${fault.name}`;
      const before = this.#frozen.get(key);
      const isSame = before !== undefined && before.fault.resourceVersion === fault.resourceVersion;
      frozen.set(key, isSame ? before : { fault, secret: await this.#read(fault) });
    }
    this.#frozen = frozen;
  }

  /** Only a list can be asked for as it was at a version, and only while etcd has that version (five minutes). */
  async #read({ namespace, name, resourceVersion }: FrozenSecret): Promise<Secret | undefined> {
    if (resourceVersion === undefined) return this.#api.find<Secret>({ kind: 'Secret', namespace, name });
    const { items } = await this.#api.list<Secret>({
      kind: 'Secret',
      namespace,
      fieldSelector: `metadata.name=${name}`,
      resourceVersion,
      resourceVersionMatch: 'Exact',
    });
    return items[0];
  }
}

/** Whether an error is the API server's refusal with this status. */
export function isStatus(error: unknown, status: number): boolean {
  return error instanceof KubeApiError && error.status === status;
}
