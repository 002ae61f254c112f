/** Lists objects that rekey can do without if it lacks the right: they only let it warn earlier. */
import type { KubeClient } from '../../kube/client.ts';
import { isKubeError } from '../../kube/errors.ts';
import type { KubeObject, ResourceType } from '../../kube/types.ts';

/** @returns none if rekey may not list them, or the cluster does not serve them */
export async function listIfAllowed<T extends KubeObject>(
  client: KubeClient,
  type: ResourceType<T>,
  namespace: string,
): Promise<readonly T[]> {
  try {
    return (await client.list(type, { namespace })).items;
  } catch (error) {
    if (isKubeError(error, 'Forbidden', 'NotFound')) return [];
    throw error;
  }
}
