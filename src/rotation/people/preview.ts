/** The surroundings of a rotation as a person sees them: read once, with their own rights, and without the Secret. */
import { defined } from '../../base/objects.ts';
import type { KubeClient } from '../../kube/client.ts';
import { isKubeError } from '../../kube/errors.ts';
import type { Availability } from '../../runtime/optional-reflector.ts';
import type { JwtKeyRotation } from '../api/names.ts';
import type { JwtKeyRotationStatus } from '../api/types.ts';
import { impossibleWindow } from '../cadence/cadence.ts';
import type { Surroundings } from '../facts.ts';
import { type ObserveOptions, observeTargets } from '../observe/observe.ts';
import { liveWorld } from '../observe/world.ts';
import { keyPlaces, type OptionalKind, settingsOf } from '../settings/settings.ts';
import { crowdedContainers, unlistedConsumers } from '../workloads/consumers.ts';
import { WORKLOADS } from '../workloads/workloads.ts';

/**
 * @param resource with a spec in which `specFinding` finds nothing
 * @param now milliseconds since the epoch
 */
export async function surroundingsOf(client: KubeClient, resource: JwtKeyRotation, now: number): Promise<Surroundings> {
  const namespace = resource.metadata.namespace ?? '';
  const settings = settingsOf(resource.spec);
  const world = await liveWorld(client, namespace, (kind) => availabilityNow(client, kind, namespace));
  // other names in the Secret are unknown here
  const places = keyPlaces(settings);
  const options: ObserveOptions = {
    places,
    ...{ namespace, settings, world, probes: new Map(), allowLoopback: true, atRest: isAtRest(resource.status) },
    // no pod is asked, so nothing is concluded from times
    ...{ settleMs: 0, clockOffsetMs: undefined, now, foreign: [] },
  };
  const impossible = impossibleWindow(settings.windows, dueIn(resource, now), now, undefined);
  return {
    settings,
    targets: await observeTargets(options),
    unlistedConsumers: unlistedConsumers(world, namespace, places, settings.targets),
    crowded: crowdedContainers(world, namespace, settings),
    ...defined({ impossibleWindow: impossible }),
  };
}

/** @returns whether a kind is served, and may be listed with the person's own rights */
export async function availabilityNow(
  client: KubeClient,
  kind: OptionalKind,
  namespace: string,
): Promise<Availability> {
  const { type } = WORKLOADS[kind];
  if (!(await client.serves(type))) return 'Absent';
  try {
    await client.pages(type, { namespace, limit: 1 }).next();
    return 'Served';
  } catch (error) {
    if (isKubeError(error, 'Forbidden')) return 'Forbidden';
    throw error;
  }
}

/** @returns whether, by the status, no rotation is under way */
export function isAtRest(status: JwtKeyRotationStatus | undefined): boolean {
  const { phase, conditions = [] } = status ?? {};
  // a finding that a person must settle may also occur at rest
  if (phase === 'Degraded') return !conditions.some(({ type, status: is }) => type === 'Rotating' && is === 'True');
  return phase === undefined || ['Pending', 'Steady', 'Preflight'].includes(phase);
}

/** When rotations are due, by the status. */
function dueIn({ status }: JwtKeyRotation, now: number) {
  const next = Date.parse(status?.nextRotationTime ?? '');
  const nextRuns = (status?.nextRuns ?? []).map((run) => Date.parse(run));
  return { ...(next <= now && { since: next }), nextRuns };
}
