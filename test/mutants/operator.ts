/**
 * The production reconciler over the mini cluster. Left out are what decides nothing: watches, Events, metrics.
 */
import { KubeClient } from '../../src/kube/client.ts';
import type { KubeObject } from '../../src/kube/types.ts';
import { Actor } from '../../src/rotation/act/act.ts';
import type { JwtKeyRotation } from '../../src/rotation/api/names.ts';
import type { JwtKeyRotationStatus } from '../../src/rotation/api/types.ts';
import { EMPTY_LEDGER } from '../../src/rotation/keyset/ledger.ts';
import type { Decision } from '../../src/rotation/plan/decision.ts';
import { Reconciler } from '../../src/rotation/reconciler.ts';
import { Announcer, type AnnouncerOptions } from '../../src/rotation/report/announce.ts';
import { type StatusOutcome, StatusWriter, type StatusWriterOptions } from '../../src/rotation/report/status-writer.ts';
import { SecretWatches, type SecretWatchesOptions } from '../../src/rotation/secret/secret-watches.ts';
import { type PodView, podView } from '../../src/rotation/workloads/views.ts';
import type { WorkloadView } from '../../src/rotation/workloads/workload-view.ts';
import { deploymentView } from '../../src/rotation/workloads/workloads.ts';
import { type Clock, systemClock } from '../../src/runtime/clock.ts';
import type { Logger } from '../../src/runtime/log.ts';
import { Store } from '../../src/runtime/store.ts';
import { type MiniCluster, NAMESPACE } from './cluster.ts';
import { CANARY } from './pod.ts';

const silent: Logger = { error() {}, warn() {}, info() {}, debug() {}, child: () => silent };

class Silence extends Announcer {
  constructor() {
    super({} as AnnouncerOptions);
  }
  override decided(): void {}
  override refused(): void {}
  override acted(): void {}
  override forgot(): void {}
}

/** Told of the newest version at once. */
class Told extends SecretWatches {
  readonly #cluster: MiniCluster;

  constructor(cluster: MiniCluster) {
    super({} as SecretWatchesOptions);
    this.#cluster = cluster;
  }
  override watch(): boolean {
    return true;
  }
  override unwatch(): void {}
  override async version(): Promise<string | undefined> {
    return this.#cluster.secret.metadata.resourceVersion;
  }
}

/** Keeps the status where a test can take it away. */
class Kept extends StatusWriter {
  readonly #operator: MiniOperator;

  constructor(operator: MiniOperator) {
    super({} as StatusWriterOptions);
    this.#operator = operator;
  }

  override isBehind(): boolean {
    return this.#operator.behind;
  }
  override async write(_: JwtKeyRotation, status: JwtKeyRotationStatus): Promise<StatusOutcome> {
    await this.#operator.stillWriting;
    if (!this.#operator.deaf) this.#operator.status = status;
    return {};
  }
  override forget(): void {}
}

export class MiniOperator {
  status: JwtKeyRotationStatus | undefined;
  /** What those were told who are told of each decision. */
  readonly told: Pick<Decision, 'blocked' | 'stalled'>[] = [];
  /** The status stays as it is, whatever is written. */
  deaf = false;
  /** The API server does not answer writes of the status before. */
  stillWriting: Promise<void> | undefined;
  /** What people are told has been wrong for a while. */
  behind = false;
  /** With which the last pass wants the next one. */
  priority: number | undefined;
  /** The watches have told nothing for long: their caches stay as they are. */
  silent = false;
  /** Asked before a pass says anything, and before each effect. */
  fence: () => void = () => {};
  /** Asked before the reads that a write depends on. */
  giveWay: (key: string) => Promise<void> = async () => {};
  readonly #cluster: MiniCluster;
  readonly #client: KubeClient;
  readonly #reconciler: Reconciler;
  readonly #actor: Actor;
  readonly #resources = store<JwtKeyRotation>();
  readonly #caches = {
    workloads: {
      Deployment: store<WorkloadView>(),
      StatefulSet: store<WorkloadView>(),
      DaemonSet: store<WorkloadView>(),
      ...{ Rollout: store<WorkloadView>(), CronJob: store<WorkloadView>(), Job: store<WorkloadView>() },
    },
    pods: store<PodView>(),
    availability: () => 'Absent' as const,
  };
  #generation = 0;

  constructor(cluster: MiniCluster) {
    this.#cluster = cluster;
    const clock: Clock = { ...systemClock, now: () => cluster.now };
    this.#client = new KubeClient({ access: cluster.access, clock: systemClock });
    const time = () => ({ earliest: cluster.now, latest: cluster.now });
    const serverClock = { time, offsetMs: () => 0 };
    const { Deployment } = this.#caches.workloads;
    this.#actor = new Actor({
      client: this.#client,
      clock,
      serverClock,
      fence: () => this.fence(),
      onWorkload: (view) => Deployment.upsert(view, view),
    });
    this.#reconciler = new Reconciler({
      ...{ client: this.#client, clock, log: silent, resources: this.#resources, caches: this.#caches },
      ...{ secrets: new Told(cluster), actor: this.#actor, status: new Kept(this), announcer: new Silence() },
      notifier: {
        observed: (_, __, decision) => {
          this.told.push(decision ?? {});
          return [];
        },
        forgot: () => undefined,
      },
      podChecks: { observed: () => ({ checks: {} }), forgot: () => undefined },
      audit: { ledgerOf: async () => ({ ledger: EMPTY_LEDGER }), observed: () => undefined, forgot: () => undefined },
      ...{ allowLoopback: true, serverClock, settleMs: 10_000 },
      giveWay: (key) => this.giveWay(key),
      fence: () => this.fence(),
      isCurrent: () => !this.silent,
    });
  }

  /** One pass. What the API server told of is in the caches before. */
  async reconcile(annotations: Readonly<Record<string, string>>): Promise<void> {
    this.hear(annotations);
    const { deployments, pods } = this.#cluster;
    if (!this.silent) {
      fill(this.#caches.workloads.Deployment, deployments.map(deploymentView));
      fill(
        this.#caches.pods,
        pods.map(({ object }) => podView(object)),
      );
    }
    const result = await this.#reconciler.reconcile(`${NAMESPACE}/keys`, silent);
    this.priority = result?.priority;
  }

  /** What people ask for from now on. */
  hear(annotations: Readonly<Record<string, string>>): void {
    this.#generation += 1;
    const version = String(1_000_000 + this.#generation);
    const resource = resourceOf(this.#cluster.port, annotations, this.status);
    this.#cluster.resource = resource;
    this.#resources.replaceAll([item(resource, version)], version, { mayGoBack: true });
  }

  async close(): Promise<void> {
    await this.#actor.close();
    await this.#client.close();
  }
}

function store<T>(): Store<T> {
  return new Store<T>({ onHandlerError: () => {} });
}

function fill<T extends { readonly namespace: string; readonly name: string }>(
  into: Store<T>,
  views: readonly T[],
): void {
  const items = views.map((value) => ({ version: { namespace: value.namespace, name: value.name }, value }));
  into.replaceAll(items, '1', { mayGoBack: true });
}

function item<T extends KubeObject>(value: T, resourceVersion: string) {
  const { namespace = '', name } = value.metadata;
  return { version: { namespace, name, resourceVersion }, value };
}

/** Tokens live for a minute. */
export const DRAIN_MS = 60_000;

function resourceOf(
  port: number,
  annotations: Readonly<Record<string, string>>,
  status: JwtKeyRotationStatus | undefined,
): JwtKeyRotation {
  const canary = { ...CANARY, port };
  return {
    apiVersion: 'rekey.dev/v1alpha1',
    kind: 'JwtKeyRotation',
    metadata: { name: 'keys', namespace: NAMESPACE, uid: 'uid-keys', generation: 1, annotations },
    spec: {
      ...{ secretName: 'jwt', environment: 'test', rotationPeriod: '90d', timeZone: 'UTC' },
      ...{ startingDeadlineSeconds: 3600, suspend: false, strategy: 'Overlap', allowCutover: false, preStage: false },
      ...{ maxTokenTTL: '1m', clockSkew: '0s', retire: { mode: 'Eager', slack: '0s' } },
      key: { bytes: 32, format: 'Hex', algorithm: 'HS256' },
      secretKeys: { signing: ['JWT_SECRET_KEY'], fallbacks: 'JWT_SECRET_KEY_FALLBACKS', previous: '', keyset: '' },
      targets: [
        { kind: 'Deployment', name: 'main', roles: ['Signer', 'Verifier'], source: 'Env', canary },
        { kind: 'Deployment', name: 'admin', roles: ['Verifier'], source: 'Env', canary },
      ],
      ...{
        canary: { claims: {} },
        unlistedConsumers: 'Block',
        rolloutTimeout: '10m',
        emergency: { mode: 'FailClosed' },
      },
      ...{ forceRotation: { reason: '' }, successfulRotationsHistoryLimit: 3, failedRotationsHistoryLimit: 3 },
    },
    ...(status && { status }),
  };
}
