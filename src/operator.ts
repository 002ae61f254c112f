/**
 * The operator, wired: caches → queue → reconciler, with leadership around all that writes.
 */

import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import type { Flags } from './flags.ts';
import { KubeClient } from './kube/client.ts';
import type { ClusterAccess } from './kube/config.ts';
import { type KubeObject, PODS, type ResourceType } from './kube/types.ts';
import { Actor } from './rotation/act.ts';
import { Announcer } from './rotation/announce.ts';
import { RotationMetrics } from './rotation/metrics.ts';
import { JWT_KEY_ROTATIONS, type JwtKeyRotation } from './rotation/names.ts';
import { priorityOf, Reconciler } from './rotation/reconciler.ts';
import { SecretWatches } from './rotation/secret-watches.ts';
import { StatusWriter } from './rotation/status-writer.ts';
import { podView } from './rotation/views.ts';
import { WORKLOADS } from './rotation/workloads.ts';
import { systemClock } from './runtime/clock.ts';
import { runController } from './runtime/controller.ts';
import { EventRecorder } from './runtime/events.ts';
import { type Check, serveHealth } from './runtime/http.ts';
import { LeaderElector } from './runtime/lease.ts';
import type { Logger } from './runtime/log.ts';
import { controllerMetrics, createRegistry, leaderMetrics, queueMetrics, requestMetrics } from './runtime/metrics.ts';
import { Reflector } from './runtime/reflector.ts';
import { runStopSteps } from './runtime/shutdown.ts';
import { keyOf } from './runtime/store.ts';
import { WorkQueue } from './runtime/workqueue.ts';

const NAME = 'rekey';
/** A watch tells something once a minute at least, if only a bookmark. */
const STALE_SECONDS = 180;

/**
 * Runs until the signal is aborted, or leadership is lost.
 *
 * @returns the exit code of the process
 */
export async function runOperator(
  flags: Flags,
  access: ClusterAccess,
  log: Logger,
  stop: AbortSignal,
): Promise<number> {
  const clock = systemClock;
  const registry = createRegistry();
  const client = new KubeClient({ access, clock, onRequest: requestMetrics(registry) });
  const identity = `${process.env.POD_NAME ?? hostname()}_${randomUUID().slice(0, 8)}`;
  const queue = new WorkQueue({ clock, metrics: queueMetrics(registry)(NAME) });
  const watching = new AbortController();
  const reflectors = startReflectors(flags, client, log, watching.signal);
  const { resources, workloads, pods } = reflectors;

  const working = new AbortController();
  const electing = new AbortController();
  let controller: Promise<unknown> = Promise.resolve();
  const elector = new LeaderElector({
    client,
    clock,
    log,
    namespace: flags.leaderElectionNamespace ?? access.namespace,
    name: NAME,
    identity,
    onChange: leaderMetrics(registry, NAME),
    onStartedLeading: (term) => {
      controller = lead(term);
    },
  });
  const fence = flags.leaderElection ? () => elector.assertLeading() : () => undefined;

  const events = new EventRecorder({
    client,
    clock,
    log,
    reportingController: 'rekey.dev/controller',
    reportingInstance: identity,
  });
  const secrets = new SecretWatches({ client, clock, log, onChange: (key) => queue.add(key) });
  const actor = new Actor({ client, clock, fence, onWorkload: (view) => workloads[view.kind].upsert(view, view) });
  const announcer = new Announcer({ events, log, metrics: new RotationMetrics(registry) });
  const status = new StatusWriter({ client, clock, fence, resources });
  const caches = { workloads, pods };
  const allowLoopback = flags.allowLoopbackPods;
  const reconciler = new Reconciler({
    client,
    clock,
    log,
    resources,
    caches,
    secrets,
    actor,
    status,
    announcer,
    allowLoopback,
  });
  wake(queue, reflectors);

  async function lead(term: AbortSignal): Promise<void> {
    await Promise.race([reflectors.synced, aborted(AbortSignal.any([term, working.signal]))]);
    for (const key of resources.keys()) queue.add(key);
    await runController(
      {
        name: NAME,
        queue,
        workers: flags.workers,
        reconcile: (key) => reconciler.reconcile(key),
        clock,
        log,
        metrics: controllerMetrics(registry)(NAME),
      },
      { stop: working.signal, abort: term },
    );
  }

  const health = await serveHealth({
    host: flags.host,
    port: flags.port,
    healthz: { ping: () => undefined },
    readyz: { ...reflectors.checks, stopping: () => (stop.aborted ? 'stopping' : undefined) },
    metrics: registry,
    clock,
    log,
  });
  log.info('started', { identity, port: health.port, server: access.server.host, namespace: flags.namespace ?? 'all' });

  let election: Promise<'stopped' | 'lost'> = new Promise(() => undefined);
  if (flags.leaderElection) election = elector.run(electing.signal);
  else controller = lead(electing.signal);
  const end = await Promise.race([election, aborted(stop).then(() => 'stopped' as const)]);

  await runStopSteps(
    [
      {
        name: 'controller',
        limitMs: 21_000,
        run: () => {
          working.abort();
          return controller;
        },
      },
      { name: 'events', limitMs: 2_000, run: (signal) => events.flush(signal) },
      {
        name: 'lease',
        limitMs: 3_000,
        run: () => {
          electing.abort();
          return flags.leaderElection ? election : undefined;
        },
      },
      {
        name: 'watches',
        limitMs: 1_000,
        run: () => {
          watching.abort();
          secrets.close();
        },
      },
      {
        name: 'connections',
        limitMs: 2_000,
        run: async () => {
          await actor.close();
          await client.close();
          await health.close();
        },
      },
    ],
    { clock, log },
  );
  log.info('stopped', { end });
  return end === 'lost' ? 1 : 0;
}

function startReflectors(flags: Flags, client: KubeClient, log: Logger, signal: AbortSignal) {
  const start = <Raw extends KubeObject, T>(type: ResourceType<Raw>, project: (raw: Raw) => T) => {
    const selection = { namespace: flags.namespace };
    const reflector = new Reflector({ client, clock: systemClock, log, type, project, selection });
    void reflector.run(signal);
    return reflector;
  };
  const typed = (raw: JwtKeyRotation): JwtKeyRotation => ({
    ...raw,
    apiVersion: JWT_KEY_ROTATIONS.apiVersion,
    kind: JWT_KEY_ROTATIONS.kind,
  });
  const rotations = start(JWT_KEY_ROTATIONS, typed);
  const deployments = start(WORKLOADS.Deployment.type, WORKLOADS.Deployment.view);
  const statefulsets = start(WORKLOADS.StatefulSet.type, WORKLOADS.StatefulSet.view);
  const daemonsets = start(WORKLOADS.DaemonSet.type, WORKLOADS.DaemonSet.view);
  const pods = start(PODS, podView);
  const all = { jwtkeyrotations: rotations, deployments, statefulsets, daemonsets, pods };
  const check =
    (reflector: { hasSynced(): boolean; secondsSinceContact(): number }): Check =>
    () => {
      if (!reflector.hasSynced()) return 'not synced yet';
      const silent = reflector.secondsSinceContact();
      return silent > STALE_SECONDS ? `silent for ${Math.round(silent)} s` : undefined;
    };
  return {
    resources: rotations.store,
    workloads: { Deployment: deployments.store, StatefulSet: statefulsets.store, DaemonSet: daemonsets.store },
    pods: pods.store,
    synced: Promise.all(Object.values(all).map((reflector) => reflector.synced)),
    checks: Object.fromEntries(Object.entries(all).map(([name, reflector]) => [name, check(reflector)])),
  };
}

/** A change of a workload or a pod wakes every resource of its namespace: it may be a target, or an unlisted consumer. */
function wake(queue: WorkQueue, { resources, workloads, pods }: ReturnType<typeof startReflectors>): void {
  resources.onChange((key, _, current) =>
    queue.add(key, { priority: current === undefined ? 0 : priorityOf(current) }),
  );
  const neighbours = (
    _: string,
    old: { readonly namespace: string } | undefined,
    current: { readonly namespace: string } | undefined,
  ) => {
    const namespace = (current ?? old)?.namespace;
    for (const { metadata } of resources.list(namespace)) queue.add(keyOf(metadata));
  };
  for (const store of Object.values(workloads)) store.onChange(neighbours);
  pods.onChange(neighbours);
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
