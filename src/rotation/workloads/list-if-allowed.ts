/**
 * Looks that rekey does without where it has not the right: they warn early of what would be told later.
 */
import type { KubeClient } from '../../kube/client.ts';
import { isKubeError } from '../../kube/errors.ts';
import type { KubeObject, ResourceType } from '../../kube/types.ts';

/** @returns none where rekey may not look, or the cluster does not serve them */
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
