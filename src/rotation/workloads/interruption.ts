/**
 * Workloads whose restart leaves fewer pods for a moment, or none. No token is refused then, but requests fail, and
 * people do not expect that of a rotation.
 */
import type { Deployment } from '../../kube/types.ts';

const ALONE = 'it has one pod, which stops before the next one starts';

/** @returns why there may be no pod for a moment; undefined if there is always one, or never */
export function deploymentInterruption(deployment: Deployment): string | undefined {
  const { replicas = 1, strategy } = deployment.spec ?? {};
  if (replicas === 0) return undefined;
  if (strategy?.type === 'Recreate') return 'its strategy Recreate stops all pods before it starts new ones';
  if (awayOf(deployment) < replicas) return undefined;
  const { maxUnavailable = '25%' } = strategy?.rollingUpdate ?? {};
  return replicas === 1
    ? ALONE
    : `its strategy (maxUnavailable: ${maxUnavailable}) allows all pods to be unavailable at once`;
}

/** @returns how many of its pods may be away while it restarts */
export function awayOf({ spec }: Deployment): number {
  const { replicas = 1, strategy } = spec ?? {};
  if (strategy?.type === 'Recreate') return replicas;
  const { maxSurge = '25%', maxUnavailable = '25%' } = strategy?.rollingUpdate ?? {};
  const surge = resolved(maxSurge, replicas, Math.ceil);
  const unavailable = resolved(maxUnavailable, replicas, Math.floor);
  // with both at zero no rollout could progress, so one pod may be away (kubernetes/kubernetes pkg/controller/deployment/util, ResolveFenceposts)
  return surge === 0 && unavailable === 0 ? 1 : unavailable;
}

/** Pods are replaced one by one, without an extra pod. */
export function singleInterruption(replicas: number): string | undefined {
  return replicas === 1 ? ALONE : undefined;
}

function resolved(count: number | string, replicas: number, round: (value: number) => number): number {
  return typeof count === 'number' ? count : round((Number.parseFloat(count) * replicas) / 100);
}
