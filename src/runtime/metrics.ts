/**
 * A registry of metrics under the names that dashboards for controller-runtime know.
 *
 * @see https://book.kubebuilder.io/reference/metrics-reference
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from '@prometheus-io/client';
import type { RequestObservation } from '../kube/requester.ts';
import type { ControllerMetrics } from './controller.ts';
import type { DropReason } from './events.ts';
import type { QueueMetrics } from './workqueue-options.ts';

/** How busy the event loop is, is measured by timers: with the usual 10 and 100 ms they were most of what the operator did at rest. */
const MEASURED_EVERY_MS = 1_000;
/** They would tell the length of that timer. */
const OF_LAG_TIMER = ['min', 'max', 'mean', 'stddev', 'p50', 'p90', 'p99'];

/** @returns a registry with Node's own metrics: memory, use of the event loop, garbage collection */
export function createRegistry(): Registry {
  const registry = new Registry();
  const everyMs = MEASURED_EVERY_MS;
  collectDefaultMetrics({
    register: registry,
    eventLoopMonitoringPrecision: everyMs,
    eventLoopUtilizationTimeout: everyMs,
  });
  for (const name of OF_LAG_TIMER) registry.removeSingleMetric(`nodejs_eventloop_lag_${name}_seconds`);
  return registry;
}

/** Seconds: 5 ms to 60 s, as controller-runtime. */
const RECONCILE_BUCKETS = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.25, 1.5, 1.75, 2,
  2.5, 3, 3.5, 4, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60,
];
const QUEUE_BUCKETS = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1, 10, 100, 1_000];
const REQUEST_BUCKETS = [0.005, 0.025, 0.1, 0.25, 0.5, 1, 2, 4, 8, 15, 30, 60];

/** @returns hooks for controllers by name; to be called once per registry */
export function controllerMetrics(registry: Registry): (controller: string) => ControllerMetrics {
  const registers = [registry];
  const labelNames = ['controller'] as const;
  const name = (suffix: string) => `controller_runtime_${suffix}`;
  const byResult = { name: name('reconcile_total'), help: 'Reconciliations by result.' };
  const total = new Counter({ ...byResult, labelNames: ['controller', 'result'] as const, registers });
  const failures = { name: name('reconcile_errors_total'), help: 'Reconciliations that failed.' };
  const errors = new Counter({ ...failures, labelNames, registers });
  const seconds = new Histogram({
    name: name('reconcile_time_seconds'),
    help: 'Duration of a reconciliation.',
    labelNames,
    buckets: RECONCILE_BUCKETS,
    registers,
  });
  const active = new Gauge({ name: name('active_workers'), help: 'Running reconciliations.', labelNames, registers });
  const most = new Gauge({
    name: name('max_concurrent_reconciles'),
    help: 'Most parallel reconciliations.',
    labelNames,
    registers,
  });
  return (controller) => ({
    workers: (count) => {
      most.set({ controller }, count);
      active.set({ controller }, 0);
    },
    started: () => active.inc({ controller }),
    ended: (outcome, duration) => {
      active.dec({ controller });
      seconds.observe({ controller }, duration);
      total.inc({ controller, result: outcome });
      if (outcome === 'error') errors.inc({ controller });
    },
  });
}

/** Reports how long a queue's keys have been in work. */
type WorkSource = Parameters<QueueMetrics['observe']>[0];

const QUEUE_LABELS = ['name', 'controller'] as const;

/** @param sources by the name of their queue */
function workGauges(registry: Registry, sources: ReadonlyMap<string, WorkSource>): void {
  const gaugeOf = (name: string, help: string, read: (source: WorkSource) => number) =>
    new Gauge({
      ...{ name, help, labelNames: QUEUE_LABELS, registers: [registry] },
      collect() {
        for (const [queue, source] of sources) this.set({ name: queue, controller: queue }, read(source));
      },
    });
  gaugeOf(
    'workqueue_unfinished_work_seconds',
    'Sum of the time for which keys are in work.',
    (read) => read().unfinishedSeconds,
  );
  gaugeOf(
    'workqueue_longest_running_processor_seconds',
    'The longest time for which a key is in work.',
    (read) => read().longestSeconds,
  );
}

/** @returns hooks for queues by name; to be called once per registry */
export function queueMetrics(registry: Registry): (queue: string) => QueueMetrics {
  const common = { labelNames: QUEUE_LABELS, registers: [registry] };
  const buckets = QUEUE_BUCKETS;
  const adds = new Counter({ name: 'workqueue_adds_total', help: 'Keys added.', ...common });
  const retries = new Counter({ name: 'workqueue_retries_total', help: 'Keys added after a failure.', ...common });
  const depth = new Gauge({ name: 'workqueue_depth', help: 'Keys that wait.', ...common });
  const waited = new Histogram({
    name: 'workqueue_queue_duration_seconds',
    help: 'How long a key waited.',
    buckets,
    ...common,
  });
  const worked = new Histogram({
    name: 'workqueue_work_duration_seconds',
    help: 'How long a key was processed.',
    buckets,
    ...common,
  });
  const sources = new Map<string, WorkSource>();
  workGauges(registry, sources);
  return (name) => {
    const labels = { name, controller: name };
    return {
      added: () => adds.inc(labels),
      retried: () => retries.inc(labels),
      depth: (keys) => depth.set(labels, keys),
      waited: (seconds) => waited.observe(labels, seconds),
      worked: (seconds) => worked.observe(labels, seconds),
      observe: (source) => sources.set(name, source),
    };
  };
}

/** @returns the hook for KubeClient's `onRequest`; to be called once per registry */
export function requestMetrics(registry: Registry): (observation: RequestObservation) => void {
  const registers = [registry];
  const total = new Counter({
    name: 'rest_client_requests_total',
    help: 'Requests to the API server, including retries.',
    labelNames: ['code', 'method', 'host'] as const,
    registers,
  });
  const seconds = new Histogram({
    name: 'rest_client_request_duration_seconds',
    help: 'Time until the headers of the answer.',
    labelNames: ['verb', 'host'] as const,
    buckets: REQUEST_BUCKETS,
    registers,
  });
  return ({ code, method, host, verb, seconds: duration }) => {
    total.inc({ code, method, host });
    seconds.observe({ verb, host }, duration);
  };
}

/** @returns the hook for EventRecorder's `onDropped`; to be called once per registry */
export function eventMetrics(registry: Registry): (reason: DropReason, events: number) => void {
  const dropped = new Counter({
    name: 'rekey_events_dropped_total',
    help: 'Events that were not sent, or refused.',
    labelNames: ['reason'] as const,
    registers: [registry],
  });
  return (reason, events) => dropped.inc({ reason }, events);
}

/** @returns makes a gauge that is read when it is asked for */
function gauges(registry: Registry): (name: string, help: string, read: () => number) => void {
  const registers = [registry];
  return (name, help, read) => {
    new Gauge({
      ...{ name, help, registers },
      collect() {
        this.set(read());
      },
    });
  };
}

/** How Secrets are looked at. */
interface Looks {
  /** How many are watched. */
  readonly watches: () => number;
  /** The longest time until a change of an unwatched one at rest is seen; 0 if all are watched. */
  readonly intervalSeconds: () => number;
}

/** To be called once per registry. */
export function lookMetrics(registry: Registry, looks: Looks): void {
  const gauge = gauges(registry);
  gauge('rekey_secret_watches', 'Secrets that are watched.', () => looks.watches());
  gauge('rekey_secret_look_interval_seconds', 'The longest pause between two looks at a Secret at rest.', () =>
    looks.intervalSeconds(),
  );
}

/** @returns the hook for LeaderElector's `onChange` of these Leases; to be called once per registry */
export function leaderMetrics(registry: Registry, leases: readonly string[]): (name: string, leading: boolean) => void {
  const status = new Gauge({
    name: 'leader_election_master_status',
    help: 'Whether this replica leads: 1 or 0.',
    labelNames: ['name'] as const,
    registers: [registry],
  });
  for (const name of leases) status.set({ name }, 0);
  return (name, leading) => status.set({ name }, leading ? 1 : 0);
}

/** What a replica has of the whole. */
interface Share {
  readonly shards: () => number;
  readonly resources: () => number;
}

/** To be called once per registry, by a process with more than one shard. */
export function shardMetrics(registry: Registry, share: Share): void {
  const gauge = gauges(registry);
  gauge('rekey_shards_held', 'Shards that this replica holds.', share.shards);
  gauge('rekey_shards_resources', 'Resources in the shards that this replica holds.', share.resources);
}
