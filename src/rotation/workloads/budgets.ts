/** PodDisruptionBudgets that allow no eviction. They are listed before a rotation starts, and not watched. */
import type { KubeClient } from '../../kube/client.ts';
import { POD_DISRUPTION_BUDGETS, type PodDisruptionBudget } from '../../kube/types.ts';
import { listIfAllowed } from './list-if-allowed.ts';
import { type PodView, selects } from './views.ts';

/** @returns budgets that allow no disruption although all pods are healthy; none if rekey may not list them */
export async function strictBudgets(client: KubeClient, namespace: string): Promise<readonly PodDisruptionBudget[]> {
  // if a budget refuses an eviction later, rekey reports that
  return (await listIfAllowed(client, POD_DISRUPTION_BUDGETS, namespace)).filter(isStrict);
}

/** While a pod is not ready, a budget may allow nothing for that reason alone, and will allow disruptions again later. */
function isStrict({ metadata, status = {} }: PodDisruptionBudget): boolean {
  const { observedGeneration = 0, disruptionsAllowed = 0, currentHealthy = 0, expectedPods = 0 } = status;
  const isSeen = observedGeneration >= (metadata.generation ?? 0);
  return isSeen && disruptionsAllowed === 0 && expectedPods > 0 && currentHealthy >= expectedPods;
}

/** @returns the name of the first budget that selects one of the pods; an empty selector selects all, an absent one none */
export function budgetOf(budgets: readonly PodDisruptionBudget[], pods: readonly PodView[]): string | undefined {
  const holding = budgets.find(({ spec: { selector } = {} }) => {
    return selector !== undefined && pods.some(({ labels }) => selects(selector, labels));
  });
  return holding?.metadata.name;
}
