/**
 * The operator, wired: watches → queue → reconciler, with leadership around all that writes.
 */
import { randomUUID } from 'node:crypto';
import { hostname } from 'node:os';
import { defined } from './base/objects.ts';
import { connector } from './connect.ts';
import type { Flags } from './flags.ts';
import { Fleet } from './fleet.ts';
import type { KubeClient } from './kube/client.ts';
import type { ClusterAccess } from './kube/config.ts';
import { type Holds, type Leading, leadingBy, NAME } from './leading.ts';
import { healthOf, readinessOf, scraped } from './probes.ts';
import { Actor } from './rotation/act/act.ts';
import { PodChecks } from './rotation/act/pod-checks.ts';
import type { JwtKeyRotation } from './rotation/api/names.ts';
import { AuditWriter } from './rotation/audit/audit-writer.ts';
import { restPauseMs } from './rotation/pass/again.ts';
import { Reconciler } from './rotation/reconciler.ts';
import { Announcer } from './rotation/report/announce.ts';
import { RotationMetrics } from './rotation/report/metrics.ts';
import { Notifier } from './rotation/report/notifier.ts';
import { StatusWriter } from './rotation/report/status-writer.ts';
import { EMERGENCIES_FIRST, EMERGENCY_PRIORITY, priorityOf, SHARE } from './rotation/requests/urgency.ts';
import { SecretWatches } from './rotation/secret/secret-watches.ts';
import { aborted } from './runtime/aborted.ts';
import { systemClock as clock } from './runtime/clock.ts';
import { Contact } from './runtime/contact.ts';
import { runController } from './runtime/controller.ts';
import { EventRecorder } from './runtime/events.ts';
import { type HealthServer, serveHealth } from './runtime/http.ts';
import type { Logger } from './runtime/log.ts';
import { controllerMetrics, createRegistry, eventMetrics, lookMetrics, queueMetrics } from './runtime/metrics.ts';
import { ServerClock, serverTime } from './runtime/server-clock.ts';
import { runStopSteps, type StopStep } from './runtime/shutdown.ts';
import { keyOf, splitKey } from './runtime/store.ts';
import { WebhookClient } from './runtime/webhook.ts';
import { WorkQueue } from './runtime/workqueue.ts';
import { wakeOnChange } from './wake.ts';
import { type WatchedCluster, watchCluster } from './watched-cluster.ts';

/** For each Lease: a renewal that hangs, and one more beside it. The watch of a standby has its own. */
const LEASE_CONNECTIONS = 2;
/** Pause after the first failure of a pass: an immediate retry would fail again. */
const FIRST_RETRY_MS = 100;

/** One process: its clients, caches, the election, and the controller while it leads. */
export class Operator {
  readonly #flags: Flags;
  readonly #log: Logger;
  readonly #registry = createRegistry();
  readonly #queue: WorkQueue;
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
  readonly #leading: Leading;
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
    this.#queue = new WorkQueue({
      ...{ clock, metrics: queueMetrics(this.#registry)(NAME), baseDelayMs: FIRST_RETRY_MS },
      ...{ run: flags.workers, first: EMERGENCIES_FIRST, share: SHARE },
    });
    const serverClock = new ServerClock(clock);
    const connect = connector({ access, clock, serverClock, registry: this.#registry });
    const client = connect(this.#calls);
    const common = { client, clock, log };
    this.#client = client;
    this.#leaseClient = connect(this.#renewals, LEASE_CONNECTIONS * flags.shards);
    this.#cluster = watchCluster({
      ...{ ...common, namespace: flags.namespace, signal: this.#watching.signal },
      ...(flags.shards > 1 && { keep: (namespace) => this.#leading.keep?.(namespace) !== false }),
      onAvailability: () => this.#wakeAll(),
    });
    const { resources, workloads, pods, availability } = this.#cluster;
    this.#leading = leadingBy({
      ...{ ...common, client: this.#leaseClient, flags, registry: this.#registry },
      namespace: flags.leaderElectionNamespace ?? access.namespace,
      identity: this.#identity,
      lead: (term) => {
        this.#controller = this.#lead(term);
      },
      list: async () => void (await this.#cluster.synced.then(() => this.#cluster.relist())),
      onServing: (holds) => this.#wakeAll(holds),
      onLeft: (holds) => this.#giveUp(holds),
      idle: (holds) => this.#audit.idle(holds),
      ...{ resources: () => resources.size, silentSeconds: this.#cluster.silentSeconds },
    });
    const fence = (namespace: string) => this.#leading.fence(namespace);
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
        ...{ ...common, fence, resources, ...defined({ leaseOf: this.#leading.leaseOf }) },
        pauseMs: () => restPauseMs(resources.size),
      }),
      announcer: new Announcer({ events: this.#events, log, metrics }),
      notifier: this.#notifier,
      audit: this.#audit,
      allowLoopback: flags.allowLoopbackPods,
      ...{ serverClock, fence, isCurrent: this.#cluster.isCurrent },
      settleMs: flags.settleMs,
      giveWay: (key) => this.#queue.turnOf(key),
    });
    wakeOnChange(this.#queue, this.#cluster);
  }

  /**
   * Runs until the signal is aborted, or leadership is lost or given away.
   *
   * @returns the exit code of the process
   */
  async run(stop: AbortSignal): Promise<number> {
    const health = await this.#serveHealth(stop);
    const { namespace = 'all' } = this.#flags;
    this.#log.info('started', { identity: this.#identity, port: health.port, namespace });
    const election = this.#leading.run(this.#electing.signal);
    const end = await Promise.race([election, aborted(stop).then(() => 'stopped' as const)]);
    await runStopSteps(this.#stopSteps(health), { clock, log: this.#log });
    this.#log.info('stopped', { end });
    return end === 'stopped' ? 0 : 1;
  }

  async #lead(term: AbortSignal): Promise<void> {
    const stop = this.#working.signal;
    await Promise.race([this.#cluster.synced, aborted(AbortSignal.any([term, stop]))]);
    this.#wakeAll();
    const reconcile = (key: string, _: AbortSignal, log: Logger) =>
      this.#leading.pass(splitKey(key).namespace ?? '', () => this.#reconciler.reconcile(key, log));
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

  #wakeAll(holds: Holds = () => true): void {
    for (const resource of this.#resourcesOf(holds)) {
      this.#queue.add(keyOf(resource.metadata), { priority: priorityOf(resource) });
    }
  }

  /** Another replica serves these namespaces from now on. */
  #giveUp(holds: Holds): void {
    for (const { metadata } of this.#resourcesOf(holds)) this.#reconciler.forget(keyOf(metadata));
    this.#cluster.drop();
  }

  #resourcesOf(holds: Holds): readonly JwtKeyRotation[] {
    return this.#cluster.resources.list().filter(({ metadata }) => holds(metadata.namespace ?? ''));
  }

  #serveHealth(stop: AbortSignal): Promise<HealthServer> {
    const { host, port } = this.#flags;
    const [cluster, secrets, queue] = [this.#cluster, this.#secrets, this.#queue];
    const [calls, renewals] = [this.#calls, this.#renewals];
    const probed = {
      ...{ cluster, secrets, queue, calls, renewals, stop: AbortSignal.any([stop, this.#working.signal]) },
      ...{ works: () => this.#works, leading: () => this.#leading.failure() },
    };
    return serveHealth({
      ...{ host, port, healthz: healthOf(probed), readyz: readinessOf(probed), clock, log: this.#log },
      metrics: scraped(this.#registry, this.#metrics),
    });
  }

  /** Stops work first, then the lease: nobody takes over while one of our writes is under way, unless that takes longer than this step. */
  #stopSteps(health: HealthServer): readonly StopStep[] {
    const step = (name: string, limitMs: number, run: StopStep['run']): StopStep => ({ name, limitMs, run });
    return [
      step('controller', 21_000, () => {
        this.#leading.leave();
        this.#working.abort();
        return this.#controller.then(() => this.#audit.idle());
      }),
      step('lease', 3_000, () => {
        this.#electing.abort();
        return this.#leading.close();
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
