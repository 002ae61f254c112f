/**
 * HorizontalPodAutoscalers that want more pods than they may have, so that the pods of their workload are overloaded.
 * They are listed before a rotation starts, and not watched.
 */
import type { KubeClient } from '../../kube/client.ts';
import { HORIZONTAL_POD_AUTOSCALERS, type HorizontalPodAutoscaler } from '../../kube/types.ts';
import { listIfAllowed } from './list-if-allowed.ts';

/** @returns autoscalers that want more pods than spec.maxReplicas; none if rekey may not list them */
export async function limitedAutoscalers(
  client: KubeClient,
  namespace: string,
): Promise<readonly HorizontalPodAutoscaler[]> {
  return (await listIfAllowed(client, HORIZONTAL_POD_AUTOSCALERS, namespace)).filter(isLimited);
}

/** @see https://kubernetes.io/docs/tasks/run-application/horizontal-pod-autoscale-walkthrough/#appendix-horizontal-pod-autoscaler-status-conditions */
function isLimited({ status }: HorizontalPodAutoscaler): boolean {
  const limited = status?.conditions?.find(({ type }) => type === 'ScalingLimited');
  return limited?.status === 'True' && limited.reason === 'TooManyReplicas';
}

/** @returns a short text about the autoscaler of this workload, if it is among them */
export function limitOn(
  autoscalers: readonly HorizontalPodAutoscaler[],
  workload: { readonly kind: string; readonly name: string },
): string | undefined {
  const limited = autoscalers.find(({ spec }) => {
    return spec?.scaleTargetRef.kind === workload.kind && spec.scaleTargetRef.name === workload.name;
  });
  return (
    limited && `HorizontalPodAutoscaler ${limited.metadata.name} wants more than its ${limited.spec?.maxReplicas} pods`
  );
}
