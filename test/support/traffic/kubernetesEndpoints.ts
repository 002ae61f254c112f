import type { PodEndpoint } from './endpoints.ts';

/** The fields of a Kubernetes Pod that the traffic reads. Any Pod object of the API fits. */
export interface PodLike {
  readonly metadata?: {
    readonly name?: string;
    readonly uid?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly deletionTimestamp?: unknown;
  };
  readonly spec?: {
    readonly containers?: readonly { readonly ports?: readonly { readonly containerPort?: number }[] }[];
  };
  readonly status?: {
    readonly phase?: string;
    readonly podIP?: string;
    readonly conditions?: readonly { readonly type?: string; readonly status?: string }[];
  };
}

/**
 * Turns Pods into endpoints: address from `status.podIP`, port from the first `containerPort`, service from the label
 * `app`, or `app.kubernetes.io/name` where there is none.
 *
 * Pods that cannot answer are left out: no address yet, no port, no label, or finished. As in an EndpointSlice a pod
 * that is being deleted is not ready, whatever its condition still says.
 */
export function kubernetesEndpoints(pods: readonly PodLike[]): PodEndpoint[] {
  return pods.flatMap((pod) => endpointOf(pod) ?? []);
}

function endpointOf(pod: PodLike): PodEndpoint | undefined {
  const { name, uid, labels, deletionTimestamp } = pod.metadata ?? {};
  const service = labels?.app ?? labels?.['app.kubernetes.io/name'];
  const address = pod.status?.podIP;
  const port = pod.spec?.containers
    ?.flatMap((container) => container.ports ?? [])
    .find((p) => p.containerPort)?.containerPort;
  if (name === undefined || service === undefined || !address || port === undefined) return undefined;
  if (pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed') return undefined;

  const terminating = deletionTimestamp !== undefined && deletionTimestamp !== null;
  const condition = pod.status?.conditions?.find(({ type }) => type === 'Ready');
  const host = address.includes(':') ? `[${address}]` : address;
  return {
    service,
    pod: name,
    uid: uid ?? name,
    url: `http://${host}:${port}`,
    ready: condition?.status === 'True' && !terminating,
    terminating,
  };
}
