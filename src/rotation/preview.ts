/**
 * What a person sees of the surroundings of a rotation: read once, by their own rights, and without the Secret.
 */
import type { KubeClient } from '../kube/client.ts';
import { PODS } from '../kube/types.ts';
import type { Surroundings } from './facts.ts';
import type { JwtKeyRotation } from './names.ts';
import { type Looking, observeTargets, unlistedConsumers } from './observe.ts';
import { impossibleWindow } from './schedule/cadence.ts';
import { settingsOf } from './settings.ts';
import type { JwtKeyRotationStatus } from './types.ts';
import { podView } from './workloads/views.ts';
import { WORKLOADS, type WorkloadKind, type WorkloadView } from './workloads/workloads.ts';
import { liveWorld, type Neighbours } from './world.ts';

/**
 * @param resource with a spec in which `specFinding` finds nothing
 * @param now milliseconds since the epoch
 */
export async function surroundingsOf(client: KubeClient, resource: JwtKeyRotation, now: number): Promise<Surroundings> {
  const namespace = resource.metadata.namespace ?? '';
  const settings = settingsOf(resource.spec);
  const looking: Looking = {
    ...{ namespace, settings, world: liveWorld(client), neighbours: await neighboursIn(client, namespace) },
    ...{ probes: new Map(), allowLoopback: true, atRest: isAtRest(resource.status) },
  };
  const impossible = impossibleWindow(settings.windows, dueIn(resource, now), now, undefined);
  return {
    settings,
    targets: await observeTargets(looking),
    unlistedConsumers: unlistedConsumers(looking),
    ...(impossible && { impossibleWindow: impossible }),
  };
}

/** @returns whether no rotation has written anything that it has not finished, as far as the status tells */
export function isAtRest(status: JwtKeyRotationStatus | undefined): boolean {
  const { phase, conditions = [] } = status ?? {};
  // what a person must settle comes at rest, too
  if (phase === 'Degraded') return !conditions.some(({ type, status: is }) => type === 'Rotating' && is === 'True');
  return phase === undefined || ['Pending', 'Steady', 'Preflight'].includes(phase);
}

/** When rotations are due, as the operator has told. */
function dueIn({ status }: JwtKeyRotation, now: number) {
  const next = Date.parse(status?.nextRotationTime ?? '');
  const nextRuns = (status?.nextRuns ?? []).map((run) => Date.parse(run));
  return { ...(next <= now && { since: next }), nextRuns };
}

async function neighboursIn(client: KubeClient, namespace: string): Promise<Neighbours> {
  const served = await client.serves(WORKLOADS.Rollout.type);
  const viewsOf = async (kind: WorkloadKind): Promise<readonly WorkloadView[]> => {
    if (kind === 'Rollout' && !served) return [];
    return (await client.list(WORKLOADS[kind].type, { namespace })).items.map(WORKLOADS[kind].view);
  };
  const [Deployment, StatefulSet, DaemonSet, Rollout, pods] = await Promise.all([
    viewsOf('Deployment'),
    viewsOf('StatefulSet'),
    viewsOf('DaemonSet'),
    viewsOf('Rollout'),
    client.list(PODS, { namespace }),
  ]);
  const listed = <T>(items: readonly T[]) => ({ list: () => items });
  return {
    workloads: {
      ...{ Deployment: listed(Deployment), StatefulSet: listed(StatefulSet) },
      ...{ DaemonSet: listed(DaemonSet), Rollout: listed(Rollout) },
    },
    pods: listed(pods.items.map(podView)),
    rollouts: () => (served ? 'Served' : 'Absent'),
  };
}
