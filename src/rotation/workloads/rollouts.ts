/**
 * Rollouts of Argo Rollouts as targets.
 *
 * A change of their template starts a delivery with steps, pauses and analysis. So rekey requests a restart by
 * `spec.restartAt` instead: the controller evicts every pod created before, of the stable and of the canary ReplicaSet,
 * as many at a time as may be unavailable, even while the Rollout is paused or aborted. The new pods have the same
 * template. So rekey writes the version of the restart to the Rollout itself, and the age of a pod shows whether it has
 * that version.
 */
import { defined } from '../../base/objects.ts';
import type { LabelSelector, Rollout } from '../../kube/types.ts';
import type { Availability } from '../../runtime/optional-reflector.ts';
import type { Finding } from '../api/finding.ts';
import { singleInterruption } from './interruption.ts';
import { readsOf } from './reads.ts';
import { reloaderView } from './reloader.ts';
import { sourcesOf } from './sources.ts';
import { bumpedAtOf, type PodView, versionIn, viewOf } from './views.ts';
import type { RolloutState, WorkloadView } from './workload-view.ts';

/** The version of pods that are older than the restart. */
const OLDER = 0;
/** Selects no pod. An empty selector would select all. */
const NOTHING: LabelSelector = {
  matchExpressions: ['Exists', 'DoesNotExist'].map((operator) => ({ key: 'rekey.dev/none', operator })) as never,
};

/**
 * A paused Rollout is fine: the controller still restarts its pods. Rolled out means that no delivery is under way (the
 * newest template is the promoted one) and that the requested restart is over.
 */
export function rolloutView(rollout: Rollout): WorkloadView {
  const { metadata, spec, status } = rollout;
  const state = stateOf(rollout);
  const version = state.restartAt === undefined ? undefined : versionIn(metadata.annotations);
  const seen = Number(status?.observedGeneration ?? 0) >= (metadata.generation ?? 0);
  const promoted = status?.stableRS !== undefined && status.stableRS === status.currentPodHash;
  const bumpedAt = bumpedAtOf(rollout);
  const reloader = reloaderView(metadata.annotations, spec?.template?.metadata?.annotations);
  const counts = [status?.updatedReplicas, status?.availableReplicas];
  const interruption = singleInterruption(state.replicas);
  const degraded = seen && status?.phase === 'Degraded';
  return {
    ...viewOf(rollout),
    kind: 'Rollout',
    selector: spec?.selector ?? NOTHING,
    reads: readsOf(spec?.template?.spec),
    sources: sourcesOf(spec?.template?.spec),
    ...defined({ reloader, templateVersion: version, bumpedAt }),
    paused: false,
    manual: false,
    rolledOut: seen && promoted && state.restarted && counts.every((count) => (count ?? 0) >= state.replicas),
    ...defined({ interruption }),
    ...(state.replicas > 0 && { reducesCapacity: true as const }),
    ...(degraded && { failed: status?.message ?? 'it is Degraded' }),
    ready: status?.readyReplicas ?? 0,
    wanted: state.replicas,
    rollout: state,
  };
}

function stateOf({ spec, status }: Rollout): RolloutState {
  const { restartAt, workloadRef: { kind, name } = {} } = spec ?? {};
  const asked = Date.parse(restartAt ?? '');
  return {
    replicas: spec?.replicas ?? 1,
    ...(restartAt !== undefined && { restartAt: asked }),
    restarted: restartAt === undefined || Date.parse(status?.restartedAt ?? '') === asked,
    ...(kind !== undefined && name !== undefined && { templateFrom: { kind, name } }),
  };
}

/**
 * @param deployment looks one up by its name
 * @returns the view with the template of the Deployment of `spec.workloadRef`, or with the reason why that cannot be
 *   followed
 */
export function withTemplate(
  view: WorkloadView | undefined,
  deployment: (name: string) => WorkloadView | undefined,
): WorkloadView | undefined {
  const from = view?.rollout?.templateFrom;
  if (view === undefined || from === undefined) return view;
  const refused = (reason: Finding['reason'], why: string): WorkloadView => {
    const message = `Rollout/${view.name} takes its template from ${from.kind}/${from.name} (its spec.workloadRef), ${why}`;
    return { ...view, finding: { reason, message }, ...(view.selector === NOTHING && { unseen: true as const }) };
  };
  if (from.kind !== 'Deployment') {
    return refused('NotSupported', 'but rekey follows only Deployments; put the template into the Rollout');
  }
  const source = deployment(from.name);
  if (source === undefined) return refused('TargetNotFound', 'which is not in this namespace; create it');
  const { reads, sources, selector } = source;
  return { ...view, reads, sources, selector: view.selector === NOTHING ? selector : view.selector };
}

/** @returns the keyset version that a pod was started for, by the Rollout */
export function versionOf({ createdAt }: PodView, { rollout, templateVersion }: WorkloadView): number | undefined {
  const older = rollout?.restartAt !== undefined && createdAt < rollout.restartAt;
  return older && !rollout.restarted ? OLDER : templateVersion;
}

/** The status may not include the last evictions yet, so the pods are counted. */
export function isWhole({ rollout }: WorkloadView, pods: readonly PodView[]): boolean {
  return (
    rollout === undefined || pods.filter(({ ready, terminating }) => ready && !terminating).length >= rollout.replicas
  );
}

/** @returns why a Rollout that was not found cannot be a target; undefined if it could be one if it existed */
export function unservedFinding(availability: Availability, name: string): Finding | undefined {
  switch (availability) {
    case 'Served':
      return undefined;
    case 'Absent':
      return {
        reason: 'NotSupported',
        message: `Rollout/${name}: this cluster does not serve rollouts.argoproj.io (v1alpha1); install Argo Rollouts, or correct the kind of the target. rekey checks again every half minute`,
      };
    case 'Forbidden':
      return {
        reason: 'Forbidden',
        message: `Rollout/${name}: rekey has no right to read rollouts.argoproj.io; apply deploy/base of this version`,
      };
  }
}

/** @returns why a Deployment that gives a Rollout its template cannot be a target itself */
export function templateFinding(name: string, rollouts: readonly WorkloadView[]): Finding | undefined {
  const user = rollouts.find(({ rollout }) => isTemplate(rollout, name));
  if (user === undefined) return undefined;
  const message = `Deployment/${name} gives Rollout/${user.name} its template (spec.workloadRef): a restart of it would start a delivery; make Rollout/${user.name} the target`;
  return { reason: 'NotSupported', message };
}

function isTemplate(rollout: RolloutState | undefined, name: string): boolean {
  return rollout?.templateFrom?.kind === 'Deployment' && rollout.templateFrom.name === name;
}
