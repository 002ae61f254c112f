/**
 * HorizontalPodAutoscalers that would add pods and may not: the pods of their workload carry more than they should. They are
 * listed when a rotation is about to start, and not watched.
 */
import type { KubeClient } from '../../kube/client.ts';
import { HORIZONTAL_POD_AUTOSCALERS, type HorizontalPodAutoscaler } from '../../kube/types.ts';
import { listIfAllowed } from './list-if-allowed.ts';

/** @returns those that want more pods than spec.maxReplicas; none where rekey may not look */
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

/** @returns in a few words the autoscaler that scales this workload, if it is among them */
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
