/**
 * Asks the controller of a workload to restart its pods: server-side apply of values that follow from the write of the keyset.
 *
 * It is conditional on the version of the workload. A request of a former leader that arrives late must not take back the
 * restart for a later keyset: that would restart the pods once more.
 */
import type { KubeClient } from '../../kube/client.ts';
import { isKubeError } from '../../kube/errors.ts';
import { FIELD_MANAGER } from '../api/names.ts';
import { orUndefined } from '../observe/world.ts';
import type { Restart } from '../plan/decision.ts';
import type { WorkloadView } from '../workloads/workload-view.ts';
import { WORKLOADS } from '../workloads/workloads.ts';

/** The version in the cache may be old: a controller writes the status of its workload all the time. */
const MAX_TRIES = 4;

export interface RestartOptions {
  readonly client: Pick<KubeClient, 'apply' | 'get'>;
  /** @throws if this process may not write in this namespace now */
  readonly fence: (namespace: string) => void;
  /** Called with the changed workload, as the API server returned it. */
  readonly onWorkload: (workload: WorkloadView) => void;
}

/**
 * @param version of the keyset
 * @throws KubeError Conflict if the workload has changed again and again or is gone, or somebody asks for a newer keyset; what
 *   the API server refuses; what the fence throws
 */
export async function restart(
  { client, fence, onWorkload }: RestartOptions,
  namespace: string,
  { target, at: restartAt }: Restart,
  version: number,
): Promise<void> {
  const { kind, name } = target.settings;
  const { type, view, stamped } = WORKLOADS[kind];
  const fields = stamped({ version, restartAt });
  const uid = target.workload?.uid;
  let resourceVersion = target.workload?.resourceVersion;
  for (let tries = 1; ; tries += 1) {
    fence(namespace);
    // with the uid it can neither create a workload nor change another one of the same name
    const metadata = { namespace, name, uid, resourceVersion, ...fields.metadata };
    const body = { apiVersion: type.apiVersion, kind, ...fields, metadata };
    try {
      const options = { fieldManager: FIELD_MANAGER, force: true };
      return onWorkload(view(await client.apply(type, { namespace, name }, body, options)));
    } catch (error) {
      if (!isKubeError(error, 'Conflict') || tries === MAX_TRIES) throw error;
      const found = await orUndefined(client.get(type, { namespace, name }));
      const now = found && view(found);
      if (now === undefined || now.uid !== uid || (now.templateVersion ?? 0) > version) throw error;
      ({ resourceVersion } = now);
    }
  }
}
