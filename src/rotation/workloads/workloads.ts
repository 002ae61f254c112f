/**
 * The kinds of workloads that rekey restarts, and what it keeps of each.
 *
 * A Deployment replaces its pods when its template changes. So do a StatefulSet and a DaemonSet, unless they wait until
 * somebody deletes a pod (OnDelete), or keep some pods (partition). rekey evicts those pods itself, one after the
 * other. They come back with the same template and the new Secret. For a Rollout of Argo Rollouts, rekey requests a
 * restart of its pods: see rollouts.ts.
 */
import { defined } from '../../base/objects.ts';
import {
  CRON_JOBS,
  type CronJob,
  DAEMON_SETS,
  type DaemonSet,
  DEPLOYMENTS,
  type Deployment,
  JOBS,
  type Job,
  type KubeObject,
  type ResourceType,
  ROLLOUTS,
  type Rollout,
  STATEFUL_SETS,
  type StatefulSet,
} from '../../kube/types.ts';
import { KEYSET_VERSION } from '../api/names.ts';
import { iso } from '../schedule/duration.ts';
import type { WorkloadKind } from '../settings/settings.ts';
import { cronJobView, jobView } from './batch.ts';
import { awayOf, deploymentInterruption, singleInterruption } from './interruption.ts';
import { readsOf } from './reads.ts';
import { reloaderView } from './reloader.ts';
import { rolloutView } from './rollouts.ts';
import { sourcesOf } from './sources.ts';
import { bumpedAtOf, versionIn, viewOf } from './views.ts';
import type { WorkloadView } from './workload-view.ts';

/** The version and the time of a restart. */
export interface Stamp {
  readonly version: number;
  /** Pods created before this time must be replaced, milliseconds since the epoch, whole seconds. */
  readonly restartAt: number;
}

export interface Workload {
  readonly type: ResourceType<KubeObject>;
  readonly view: (object: KubeObject) => WorkloadView;
  /** @returns the fields whose apply restarts the pods */
  readonly stamped: (stamp: Stamp) => { readonly metadata?: object; readonly spec: object };
}

export const WORKLOADS: Readonly<Record<WorkloadKind, Workload>> = {
  Deployment: { type: DEPLOYMENTS, view: (object) => deploymentView(object as Deployment), stamped: stampedTemplate },
  StatefulSet: {
    type: STATEFUL_SETS,
    view: (object) => statefulSetView(object as StatefulSet),
    stamped: stampedTemplate,
  },
  DaemonSet: { type: DAEMON_SETS, view: (object) => daemonSetView(object as DaemonSet), stamped: stampedTemplate },
  Rollout: { type: ROLLOUTS, view: (object) => rolloutView(object as Rollout), stamped: stampedRollout },
  CronJob: { type: CRON_JOBS, view: (object) => cronJobView(object as CronJob), stamped: neverStamped },
  Job: { type: JOBS, view: (object) => jobView(object as Job), stamped: neverStamped },
};

function neverStamped(): never {
  throw new Error('a CronJob or Job is never restarted');
}

/** A new template restarts the pods. */
function stampedTemplate({ version }: Stamp): ReturnType<Workload['stamped']> {
  return { spec: { template: { metadata: annotated(version) } } };
}

/** Restarts the pods in place. A new template would start a delivery with steps, analysis and pauses. */
function stampedRollout({ version, restartAt }: Stamp): ReturnType<Workload['stamped']> {
  return { metadata: annotated(version), spec: { restartAt: iso(restartAt).replace('.000Z', 'Z') } };
}

function annotated(version: number): { readonly annotations: Readonly<Record<string, string>> } {
  return { annotations: { [KEYSET_VERSION]: String(version) } };
}

type Common = Omit<WorkloadView, 'kind' | 'paused' | 'manual' | 'rolledOut' | 'failed' | 'ready'>;

function common(object: Deployment | StatefulSet | DaemonSet): Common {
  const { metadata, spec } = object;
  const annotations = spec?.template.metadata?.annotations;
  const version = versionIn(annotations);
  const reloader = reloaderView(metadata.annotations, annotations);
  const bumpedAt = bumpedAtOf(object);
  return {
    ...viewOf(object),
    selector: spec?.selector ?? {},
    ...defined({ templateVersion: version, bumpedAt }),
    reads: readsOf(spec?.template.spec),
    sources: sourcesOf(spec?.template.spec),
    ...defined({ reloader }),
  };
}

function isSeen({ metadata, status }: Deployment | StatefulSet | DaemonSet): boolean {
  return (status?.observedGeneration ?? 0) >= (metadata.generation ?? 0);
}

/**
 * Rolled out means what `kubectl rollout status` checks, and that the pods are available. Terminating pods are checked
 * elsewhere.
 */
export function deploymentView(deployment: Deployment): WorkloadView {
  const { spec, status } = deployment;
  const desired = spec?.replicas ?? 1;
  const counts = [status?.updatedReplicas, status?.replicas, status?.availableReplicas];
  const progressing = status?.conditions?.find(({ type }) => type === 'Progressing');
  const failed = progressing?.status === 'False' ? (progressing.message ?? progressing.reason) : undefined;
  const interruption = deploymentInterruption(deployment);
  return {
    ...common(deployment),
    kind: 'Deployment',
    paused: spec?.paused === true,
    manual: false,
    rolledOut: isSeen(deployment) && counts.every((count) => (count ?? 0) === desired),
    ...defined({ failed, interruption }),
    ...(awayOf(deployment) > 0 && { reducesCapacity: true as const }),
    ready: status?.readyReplicas ?? 0,
    wanted: desired,
  };
}

function statefulSetView(set: StatefulSet): WorkloadView {
  const { spec, status } = set;
  const desired = spec?.replicas ?? 1;
  const { type, rollingUpdate } = spec?.updateStrategy ?? {};
  const manual = type === 'OnDelete' || (rollingUpdate?.partition ?? 0) > 0;
  const counts = [status?.replicas, status?.availableReplicas, ...(manual ? [] : [status?.updatedReplicas])];
  const interruption = singleInterruption(desired);
  return {
    ...common(set),
    kind: 'StatefulSet',
    paused: false,
    manual,
    ...defined({ interruption }),
    ...(desired > 0 && { reducesCapacity: true as const }),
    rolledOut: isSeen(set) && counts.every((count) => (count ?? 0) === desired),
    ready: status?.readyReplicas ?? 0,
    wanted: desired,
  };
}

function daemonSetView(set: DaemonSet): WorkloadView {
  const { spec, status } = set;
  const desired = status?.desiredNumberScheduled ?? 0;
  const manual = spec?.updateStrategy?.type === 'OnDelete';
  const counts = [status?.numberAvailable, ...(manual ? [] : [status?.updatedNumberScheduled])];
  return {
    ...common(set),
    kind: 'DaemonSet',
    paused: false,
    manual,
    rolledOut: isSeen(set) && counts.every((count) => (count ?? 0) === desired),
    ready: status?.numberReady ?? 0,
    wanted: desired,
  };
}
