/**
 * The operator, wired: watches → queue → reconciler, with leadership around all that writes.
 */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { connector } from './connect.ts';
import type { Flags } from './flags.ts';
import { Fleet } from './fleet.ts';
import type { KubeClient } from './kube/client.ts';
import type { ClusterAccess } from './kube/config.ts';
import { healthOf, readinessOf, scraped } from './probes.ts';
import { Actor } from './rotation/act/act.ts';
import { PodChecks } from './rotation/act/pod-checks.ts';
import { AuditWriter } from './rotation/audit/audit-writer.ts';
import { restPauseMs } from './rotation/pass/again.ts';
import { Reconciler } from './rotation/reconciler.ts';
import { Announcer } from './rotation/report/announce.ts';
import { RotationMetrics } from './rotation/report/metrics.ts';
import { Notifier } from './rotation/report/notifier.ts';
import { StatusWriter } from './rotation/report/status-writer.ts';
import { EMERGENCY_PRIORITY } from './rotation/requests/urgency.ts';
import { SecretWatches } from './rotation/secret/secret-watches.ts';
import { aborted } from './runtime/aborted.ts';
import { systemClock as clock } from './runtime/clock.ts';
import { Contact } from './runtime/contact.ts';
import { runController } from './runtime/controller.ts';
import { EventRecorder } from './runtime/events.ts';
import { type HealthServer, serveHealth } from './runtime/http.ts';
import { type ElectionEnd, LeaderElector } from './runtime/lease.ts';
import type { Logger } from './runtime/log.ts';
import {
  controllerMetrics,
  createRegistry,
  eventMetrics,
  leaderMetrics,
  lookMetrics,
  queueMetrics,
} from './runtime/metrics.ts';
import { ServerClock, serverTime } from './runtime/server-clock.ts';
import { runStopSteps, type StopStep } from './runtime/shutdown.ts';
import { WebhookClient } from './runtime/webhook.ts';
import { WorkQueue } from './runtime/workqueue.ts';
import { wakeOnChange } from './wake.ts';
import { type WatchedCluster, watchCluster } from './watched-cluster.ts';

const NAME = 'rekey';
/** A renewal that hangs, one more beside it, and the watch of a standby has its own. */
const LEASE_CONNECTIONS = 2;
/** Pause after the first failure of a pass: an immediate retry would fail again. */
const FIRST_RETRY_MS = 100;

/** One process: its clients, caches, the election, and the controller while it leads. */
export class Operator {
  readonly #flags: Flags;
  readonly #log: Logger;
  readonly #registry = createRegistry();
  readonly #queue = new WorkQueue({
    ...{ clock, metrics: queueMetrics(this.#registry)(NAME) },
    baseDelayMs: FIRST_RETRY_MS,
  });
  readonly #watching = new AbortController();
  readonly #working = new AbortController();
  readonly #electing = new AbortController();
  readonly #identity = `${process.env.POD_NAME ?? hostname()}_${randomUUID().slice(0, 8)}`;
  readonly #calls = new Contact(clock);
  readonly #renewals = new Contact(clock);
  readonly #client: KubeClient;
  /** A separate client, so that the lease waits for no other call. */
  readonly #leaseClient: KubeClient;
  readonly #cluster: WatchedCluster;
  readonly #elector: LeaderElector;
  readonly #events: EventRecorder;
  readonly #secrets: SecretWatches;
  readonly #fleet: Fleet;
  readonly #actor: Actor;
  readonly #metrics: RotationMetrics;
  readonly #notifier: Notifier;
  readonly #audit: AuditWriter;
  readonly #reconciler: Reconciler;
  #controller: Promise<unknown> = Promise.resolve();
  #works = false;

  constructor(flags: Flags, access: ClusterAccess, log: Logger) {
    this.#flags = flags;
    this.#log = log;
    const serverClock = new ServerClock(clock);
    const connect = connector({ access, clock, serverClock, registry: this.#registry });
    const client = connect(this.#calls);
    const common = { client, clock, log };
    this.#client = client;
    this.#leaseClient = connect(this.#renewals, LEASE_CONNECTIONS);
    this.#cluster = watchCluster({
      ...{ ...common, namespace: flags.namespace, signal: this.#watching.signal },
      onAvailability: () => this.#wakeAll(),
    });
    const leaseNamespace = flags.leaderElectionNamespace ?? access.namespace;
    const lease = `${leaseNamespace}/${NAME}`;
    this.#elector = new LeaderElector({
      ...{ ...common, client: this.#leaseClient },
      namespace: leaseNamespace,
      name: NAME,
      identity: this.#identity,
      onChange: leaderMetrics(this.#registry, NAME),
      onStartedLeading: (term) => {
        this.#controller = this.#lead(term);
      },
    });
    const { resources, workloads, pods, availability } = this.#cluster;
    const fence = flags.leaderElection ? () => this.#elector.assertLeading() : () => undefined;
    const reporting = { reportingController: 'rekey.dev/controller', reportingInstance: this.#identity };
    this.#events = new EventRecorder({ ...common, ...reporting, onDropped: eventMetrics(this.#registry) });
    this.#secrets = new SecretWatches({
      ...{ ...common, most: flags.secretWatches, resources: () => resources.size },
      onChange: (key, version) => {
        if (version === undefined || !this.#reconciler.hasRead(key, version)) this.#queue.add(key);
      },
    });
    this.#fleet = new Fleet({ ...{ clock, log, secrets: this.#secrets }, resources: () => resources.size });
    lookMetrics(this.#registry, this.#fleet);
    this.#actor = new Actor({
      ...common,
      serverClock,
      fence,
      onWorkload: (view) => workloads[view.kind].upsert(view, view),
    });
    const metrics = new RotationMetrics(this.#registry, flags.metricResources);
    this.#metrics = metrics;
    this.#notifier = new Notifier({
      ...{ ...common, random: Math.random, events: this.#events, metrics, resources },
      webhooks: new WebhookClient({ allowPrivate: flags.allowPrivateWebhooks }),
      onDelivered: (key) => this.#queue.add(key),
    });
    this.#audit = new AuditWriter({
      ...{ ...common, fence, events: this.#events },
      onRetry: (key, afterMs) => this.#queue.addAfter(key, afterMs),
    });
    this.#reconciler = new Reconciler({
      ...common,
      resources,
      caches: { workloads, pods, availability },
      secrets: this.#secrets,
      actor: this.#actor,
      podChecks: new PodChecks({
        ...{ actor: this.#actor, clock, log, now: () => serverTime(serverClock, clock).earliest },
        onAnswer: (key) => this.#queue.add(key),
      }),
      status: new StatusWriter({
        ...{ ...common, fence, resources, ...(flags.leaderElection && { lease }) },
        pauseMs: () => restPauseMs(resources.size),
      }),
      announcer: new Announcer({ events: this.#events, log, metrics }),
      notifier: this.#notifier,
      audit: this.#audit,
      allowLoopback: flags.allowLoopbackPods,
      serverClock,
      settleMs: flags.settleMs,
    });
    wakeOnChange(this.#queue, this.#cluster);
  }

  /**
   * Runs until the signal is aborted, or leadership is lost.
   *
   * @returns the exit code of the process
   */
  async run(stop: AbortSignal): Promise<number> {
    const health = await this.#serveHealth(stop);
    const { namespace = 'all' } = this.#flags;
    this.#log.info('started', { identity: this.#identity, port: health.port, namespace });
    const election = this.#elect();
    const end = await Promise.race([election, aborted(stop).then(() => 'stopped' as const)]);
    await runStopSteps(this.#stopSteps(election, health), { clock, log: this.#log });
    this.#log.info('stopped', { end });
    return end === 'lost' ? 1 : 0;
  }

  /** Without an election there is one term, which ends with the process. */
  #elect(): Promise<ElectionEnd> {
    if (this.#flags.leaderElection) return this.#elector.run(this.#electing.signal);
    this.#controller = this.#lead(this.#electing.signal);
    return aborted(this.#electing.signal).then(() => 'stopped' as const);
  }

  async #lead(term: AbortSignal): Promise<void> {
    const stop = this.#working.signal;
    await Promise.race([this.#cluster.synced, aborted(AbortSignal.any([term, stop]))]);
    this.#wakeAll();
    const reconcile = (key: string, _: AbortSignal, log: Logger) => this.#reconciler.reconcile(key, log);
    const metrics = controllerMetrics(this.#registry)(NAME);
    const { workers } = this.#flags;
    const urgent = EMERGENCY_PRIORITY;
    this.#works = true;
    void this.#fleet.run(AbortSignal.any([term, stop]));
    await runController(
      { name: NAME, queue: this.#queue, workers, urgent, reconcile, clock, log: this.#log, metrics },
      { stop, abort: term },
    );
  }

  #wakeAll(): void {
    for (const key of this.#cluster.resources.keys()) this.#queue.add(key);
  }

  #serveHealth(stop: AbortSignal): Promise<HealthServer> {
    const { host, port } = this.#flags;
    const [cluster, secrets, queue] = [this.#cluster, this.#secrets, this.#queue];
    const probed = {
      cluster,
      secrets,
      queue,
      calls: this.#calls,
      renewals: this.#renewals,
      works: () => this.#works,
      stop,
    };
    return serveHealth({
      ...{ host, port, healthz: healthOf(probed), readyz: readinessOf(probed) },
      metrics: scraped(this.#registry, this.#metrics),
      clock,
      log: this.#log,
    });
  }

  /** Stops work first, then the lease: nobody may take over while one of our writes is under way. */
  #stopSteps(election: Promise<ElectionEnd>, health: HealthServer): readonly StopStep[] {
    const step = (name: string, limitMs: number, run: StopStep['run']): StopStep => ({ name, limitMs, run });
    return [
      step('controller', 21_000, () => {
        this.#working.abort();
        return this.#controller.then(() => this.#audit.idle());
      }),
      step('lease', 3_000, () => {
        this.#electing.abort();
        return election;
      }),
      step('events', 2_000, (signal) => this.#events.flush(signal)),
      step('watches', 1_000, () => {
        this.#watching.abort();
        this.#secrets.close();
      }),
      step('connections', 2_000, () =>
        Promise.all([
          ...[this.#actor.close(), this.#notifier.close()],
          ...[this.#client.close(), this.#leaseClient.close(), health.close()],
        ]),
      ),
    ];
  }
}
