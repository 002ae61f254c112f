/**
 * What the operator watches: its resources, the workloads and their pods.
 */
import type { KubeClient } from './kube/client.ts';
import { type KubeObject, PODS, type ResourceType } from './kube/types.ts';
import { JWT_KEY_ROTATIONS, type JwtKeyRotation } from './rotation/api/names.ts';
import { remembered } from './rotation/requests/remembered.ts';
import type { OptionalKind, WorkloadKind } from './rotation/settings/settings.ts';
import { type PodView, podView } from './rotation/workloads/views.ts';
import type { WorkloadView } from './rotation/workloads/workload-view.ts';
import { WORKLOADS } from './rotation/workloads/workloads.ts';
import type { Clock } from './runtime/clock.ts';
import type { Check } from './runtime/http.ts';
import type { Logger } from './runtime/log.ts';
import { type Availability, OptionalReflector } from './runtime/optional-reflector.ts';
import { Reflector } from './runtime/reflector.ts';
import type { Store } from './runtime/store.ts';

/** A watch sends something at least once a minute, if only a bookmark. */
const STALE_SECONDS = 180;

export interface WatchedCluster {
  readonly resources: Store<JwtKeyRotation>;
  readonly workloads: Readonly<Record<WorkloadKind, Store<WorkloadView>>>;
  readonly pods: Store<PodView>;
  /** Rollouts exist only if Argo Rollouts is installed, and CronJobs and Jobs can be read only if rekey has the right. */
  readonly availability: (kind: OptionalKind) => Availability;
  /** Resolves once everything was listed. */
  readonly synced: Promise<unknown>;
  /** Readiness checks: for each watch, by its plural, why it cannot be trusted now. */
  readonly checks: Readonly<Record<string, Check>>;
  /** Since the watch of resources has told anything. Infinity before the first. */
  silentSeconds(): number;
  /** Whether each watch has told something lately. */
  isCurrent(): boolean;
  /** Resolves when everything was listed by lists that began after the call. */
  relist(): Promise<unknown>;
  /** Takes out what is no longer kept. */
  drop(): void;
}

export interface WatchOptions {
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Logger;
  /** All if absent. */
  readonly namespace: string | undefined;
  /** Whether objects of this namespace are kept now; all if absent. */
  readonly keep?: ((namespace: string) => boolean) | undefined;
  /** Called when an optional kind becomes readable, or stops being so. */
  readonly onAvailability: () => void;
  /** Ends the watches. */
  readonly signal: AbortSignal;
}

/** @returns the caches of everything that is watched */
export function watchCluster(options: WatchOptions): WatchedCluster {
  const { client, clock, log, namespace, keep, signal, onAvailability: onChange } = options;
  const common = { client, clock, log, keep, selection: { namespace } };
  const start = <Raw extends KubeObject, T>(type: ResourceType<Raw>, project: (raw: Raw) => T) => {
    const reflector = new Reflector({ ...common, type, project });
    void reflector.run(signal);
    return reflector;
  };
  const startWorkload = (kind: WorkloadKind) => start(WORKLOADS[kind].type, WORKLOADS[kind].view);
  const jwtkeyrotations = start(JWT_KEY_ROTATIONS, remembered);
  const deployments = startWorkload('Deployment');
  const statefulsets = startWorkload('StatefulSet');
  const daemonsets = startWorkload('DaemonSet');
  const startOptional = (kind: OptionalKind) => {
    const { type, view: project } = WORKLOADS[kind];
    const reflector = new OptionalReflector({ ...common, type, project, onChange });
    void reflector.run(signal);
    return reflector;
  };
  const optional = { Rollout: startOptional('Rollout'), CronJob: startOptional('CronJob'), Job: startOptional('Job') };
  const pods = start(PODS, podView);
  const { Rollout: rollouts, CronJob: cronjobs, Job: jobs } = optional;
  const all = { jwtkeyrotations, deployments, statefulsets, daemonsets, rollouts, cronjobs, jobs, pods };
  const checks = checksOf(all);
  return {
    ...{ resources: jwtkeyrotations.store, pods: pods.store, checks },
    workloads: {
      ...{ Deployment: deployments.store, StatefulSet: statefulsets.store, DaemonSet: daemonsets.store },
      ...{ Rollout: rollouts.store, CronJob: cronjobs.store, Job: jobs.store },
    },
    availability: (kind) => optional[kind].availability() ?? 'Absent',
    synced: Promise.all(Object.values(all).map((reflector) => reflector.synced)),
    ...{ silentSeconds: () => jwtkeyrotations.secondsSinceContact(), isCurrent: () => allWell(checks) },
    relist: () => Promise.all(Object.values(all).map((reflector) => reflector.relist())),
    // the resources first, so that nobody is told of workloads that went
    drop: () => {
      for (const { store } of Object.values(all)) store.drop((namespace) => keep?.(namespace) !== false);
    },
  };
}

type Watching = Pick<Reflector<KubeObject, unknown>, 'hasSynced' | 'secondsSinceContact'>;

function checksOf(all: Readonly<Record<string, Watching>>): Readonly<Record<string, Check>> {
  return Object.fromEntries(Object.entries(all).map(([plural, reflector]) => [plural, freshness(reflector)]));
}

function allWell(checks: Readonly<Record<string, Check>>): boolean {
  return Object.values(checks).every((check) => check() === undefined);
}

function freshness(reflector: Watching): Check {
  return () => {
    if (!reflector.hasSynced()) return 'not synced yet';
    const silent = reflector.secondsSinceContact();
    return silent > STALE_SECONDS ? `silent for ${Math.round(silent)} s` : undefined;
  };
}
