import { mkdirSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { KubeApi } from '../cluster/kubeapi.ts';
import type { AddressBlock } from './addresses.ts';
import { Container } from './container.ts';
import type { Images } from './image.ts';
import { isStatus, type ObjectSource } from './objects.ts';
import type { BackOff } from './prepare.ts';
import { pause } from './probes.ts';
import { now, podStatus } from './status.ts';
import type { Pod, PodCondition } from './types.ts';
import { PodVolumes } from './volumes.ts';

/** What the pods of a node share. */
export interface NodeContext {
  readonly api: KubeApi;
  readonly dir: string;
  readonly images: Images;
  readonly objects: ObjectSource;
  readonly addresses: AddressBlock;
  readonly backOff: BackOff;
  /** How long a mounted Secret or ConfigMap may lag behind, in milliseconds. */
  readonly volumeRefreshMs: number;
}

/** How long to wait before a request that failed is sent again. */
const retryMs = 200;

/** One pod of the node, from the moment it is assigned until it is gone. */
export class PodWorker {
  /** Resolves when nothing of the pod is left on this machine but its logs. */
  readonly done: Promise<void>;
  readonly #node: NodeContext;
  readonly #dir: string;
  readonly #volumes: PodVolumes;
  readonly #podIP: string;
  readonly #startTime = now();
  readonly #init: readonly Container[];
  readonly #containers: readonly Container[];
  /** Aborts when no container may start any more. */
  readonly #ends = new AbortController();
  /** Aborts when the API server knows the pod no more. */
  readonly #isGone = new AbortController();
  #pod: Pod;
  #isInitialized = false;
  #killAt = Number.POSITIVE_INFINITY;
  #grace: number | undefined;
  #conditions: readonly PodCondition[];
  #sent = '';
  #sending: Promise<void> | undefined;

  constructor(pod: Pod, node: NodeContext) {
    this.#pod = pod;
    this.#node = node;
    this.#conditions = pod.status?.conditions ?? [];
    const { namespace, name, uid } = pod.metadata;
    const logDir = join(node.dir, 'pods', `${namespace}_${name}`);
    this.#dir = join(node.dir, 'run', String(uid));
    mkdirSync(logDir, { recursive: true, mode: 0o700 });
    mkdirSync(this.#dir, { recursive: true, mode: 0o700 });
    this.#volumes = new PodVolumes(pod, this.#dir, node.objects);
    this.#podIP = node.addresses.take();
    const host = {
      pod: () => this.#pod,
      podIP: this.#podIP,
      hostIP: node.addresses.nodeIP,
      podDir: this.#dir,
      images: node.images,
      objects: node.objects,
      volumes: this.#volumes,
      backOff: node.backOff,
      changed: () => this.#report(),
    };
    const containers = (specs: Pod['spec']['containers'] = []): Container[] =>
      specs.map((spec) => new Container(spec, { ...host, logPath: join(logDir, `${spec.name}.log`) }));
    this.#init = containers(pod.spec.initContainers);
    this.#containers = containers(pod.spec.containers);
    this.done = this.#live();
    this.update(pod);
  }

  /** The pod has changed: a fault, its deletion, or a shorter grace period. */
  update(pod: Pod): void {
    this.#pod = pod;
    const { deletionTimestamp, deletionGracePeriodSeconds = 0 } = pod.metadata;
    if (deletionTimestamp !== undefined && deletionGracePeriodSeconds !== this.#grace) {
      this.#grace = deletionGracePeriodSeconds;
      this.#killAt = Math.min(this.#killAt, Date.now() + deletionGracePeriodSeconds * 1_000);
      this.#end();
    }
    for (const container of this.#containers) container.obeyFaults();
  }

  /** The pod was removed from the API server, by force or because its node is: nothing of it may go on. */
  vanish(): void {
    this.#isGone.abort();
    this.#killAt = 0;
    this.#end();
  }

  /** Starts the end, once. */
  #end(): void {
    if (this.#ends.signal.aborted) return;
    this.#ends.abort();
    for (const container of [...this.#init, ...this.#containers]) void container.terminate(() => this.#killAt);
  }

  async #live(): Promise<void> {
    // First let the constructor finish.
    await Promise.resolve();
    this.#report();
    await this.#setUpVolumes();
    const policy = this.#pod.spec.restartPolicy ?? 'Always';
    const sidecars: Promise<void>[] = [];
    for (const container of this.#init) {
      if (container.spec.restartPolicy !== 'Always') {
        await container.run(policy === 'Always' ? 'OnFailure' : policy, this.#ends.signal);
        continue;
      }
      sidecars.push(container.run('Always', this.#ends.signal));
      while (!container.status().started && !this.#ends.signal.aborted) await pause(retryMs, this.#ends.signal);
    }
    this.#isInitialized = !this.#ends.signal.aborted;
    const fresh = this.#volumes.keepFresh(this.#node.volumeRefreshMs, this.#ends.signal);
    await Promise.all([...sidecars, ...this.#containers.map((container) => container.run(policy, this.#ends.signal))]);
    this.#report();

    // A pod that has completed stays until somebody deletes it.
    if (!this.#ends.signal.aborted) {
      await new Promise((resolve) => this.#ends.signal.addEventListener('abort', resolve, { once: true }));
    }
    while (this.#sending !== undefined) await this.#sending;
    await this.#deleteFromApi();
    // what is being written now would be left, or be in the way
    await fresh;
    await this.#volumes.remove();
    await rm(this.#dir, { recursive: true, force: true });
    this.#node.addresses.giveBack(this.#podIP);
  }

  async #setUpVolumes(): Promise<void> {
    while (!this.#ends.signal.aborted) {
      try {
        return await this.#volumes.refresh();
      } catch {
        // As the kubelet: the pod stays in ContainerCreating until what it mounts is there.
        await pause(retryMs, this.#ends.signal);
      }
    }
  }

  /** Sends the status if it differs from the last one; changes meanwhile become one more request. */
  #report(): void {
    this.#sending ??= this.#send().finally(() => {
      this.#sending = undefined;
    });
  }

  async #send(): Promise<void> {
    while (!this.#isGone.signal.aborted) {
      await Promise.resolve();
      const facts = {
        podIP: this.#podIP,
        hostIP: this.#node.addresses.nodeIP,
        startTime: this.#startTime,
        isInitialized: this.#isInitialized,
        initContainers: this.#init.map((container) => container.status()),
        containers: this.#containers.map((container) => container.status()),
      };
      const status = podStatus(this.#pod, facts, this.#conditions);
      const text = JSON.stringify(status);
      if (text === this.#sent) return;
      const { namespace, name, uid } = this.#pod.metadata;
      try {
        // The uid makes it fail, rather than hit another pod of the same name.
        const target = { kind: 'Pod', namespace, name, subresource: 'status' };
        await this.#node.api.patch(target, { metadata: { uid }, status }, 'strategic', 'process-node');
        this.#conditions = status.conditions;
        this.#sent = text;
      } catch (error) {
        if (isStatus(error, 404) || isStatus(error, 409)) return;
        await pause(retryMs, this.#isGone.signal);
      }
    }
  }

  /** The last step of a graceful deletion is the node's. */
  async #deleteFromApi(): Promise<void> {
    const { namespace, name, uid } = this.#pod.metadata;
    while (!this.#isGone.signal.aborted) {
      try {
        const options = { gracePeriodSeconds: 0, preconditions: { uid } };
        return await this.#node.api.delete({ kind: 'Pod', namespace, name }, options);
      } catch (error) {
        if (isStatus(error, 404) || isStatus(error, 409)) return;
        await pause(retryMs, this.#isGone.signal);
      }
    }
  }
}
