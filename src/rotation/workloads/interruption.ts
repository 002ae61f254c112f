/**
 * Workloads whose restart leaves fewer pods for a moment, or none. No token is refused then, since nobody is there to refuse
 * it; but requests fail, and a rotation is no reason for that which people expect.
 */
import type { Deployment } from '../../kube/types.ts';

const ALONE = 'it has one pod, which stops before the next one starts';

/** @returns why no pod may be there for a moment; undefined if one always is, or none ever */
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
  // both nothing would never move, so one may be away (kubernetes/kubernetes pkg/controller/deployment/util, ResolveFenceposts)
  return surge === 0 && unavailable === 0 ? 1 : unavailable;
}

/** Its pods are replaced one by one, and none is started beside the one that goes. */
export function singleInterruption(replicas: number): string | undefined {
  return replicas === 1 ? ALONE : undefined;
}

function resolved(count: number | string, replicas: number, round: (value: number) => number): number {
  return typeof count === 'number' ? count : round((Number.parseFloat(count) * replicas) / 100);
}
