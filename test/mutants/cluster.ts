/**
 * As much of a cluster as the effects of the operator need, in this process: an API server for one Secret and two
 * Deployments, with conditional writes, whose rollouts are over at once.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ClusterAccess } from '../../src/kube/config.ts';
import type { Deployment, KubeObject, Secret } from '../../src/kube/types.ts';
import { keysOf, type MiniPod, startPod } from './pod.ts';

export const NAMESPACE = 'shop';
export const SERVICES = ['main', 'admin'] as const;

/** A request that would change something. */
export interface Change {
  readonly method: string;
  readonly path: string;
  readonly body: { readonly metadata?: { readonly resourceVersion?: string; readonly uid?: string } };
}

/** What is done to a request besides answering it. */
export type Fault = 'none' | 'reset-after' | 'twice' | 'refused';

export class MiniCluster implements AsyncDisposable {
  readonly changes: Change[] = [];
  /** The path of each request that only reads. */
  readonly reads: string[] = [];
  /** The Secret after each write. */
  readonly written: Secret[] = [];
  /** Every signing key that the Secret ever had. */
  readonly signed = new Set<string>();
  /** Called before a change is made. */
  onChange: (change: Change) => Fault = () => 'none';
  /** Whether pods ask whoever asks them to come again in three seconds. */
  isBusy: () => boolean = () => false;
  now = Date.UTC(2026, 0, 1);
  /** The JwtKeyRotation as it is now. */
  resource: object = {};
  readonly #server = createServer((request, response) => void this.#serve(request, response));
  readonly #deployments = new Map<string, Deployment>();
  readonly #pods = new Map<string, MiniPod>();
  #secret: Secret;
  #version = 100;
  #port = 0;

  private constructor(key: string) {
    this.#secret = this.#stamped({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'jwt', namespace: NAMESPACE, uid: 'uid-jwt' },
      data: { JWT_SECRET_KEY: Buffer.from(key).toString('base64') },
    });
    this.signed.add(key);
  }

  static async start(): Promise<MiniCluster> {
    const cluster = new MiniCluster('a'.repeat(64));
    await new Promise<void>((resolve) => cluster.#server.listen(0, '127.0.0.1', resolve));
    cluster.#port = (cluster.#server.address() as AddressInfo).port;
    for (const name of SERVICES) {
      cluster.#deployments.set(name, cluster.#stamped(deploymentOf(name)));
      await cluster.#rollOut(name);
    }
    return cluster;
  }

  get access(): ClusterAccess {
    return {
      server: new URL(`http://127.0.0.1:${this.#port}`),
      namespace: NAMESPACE,
      proxyUrl: undefined,
      credentials: async () => ({ headers: {}, tls: {} }),
      refresh: () => undefined,
    };
  }

  /** Of the canaries: pods listen on the port of the API server, at addresses of their own. */
  get port(): number {
    return this.#port;
  }

  get secret(): Secret {
    return this.#secret;
  }

  get deployments(): readonly Deployment[] {
    return [...this.#deployments.values()];
  }

  get pods(): readonly MiniPod[] {
    return [...this.#pods.values()];
  }

  /** As somebody else would change the Secret. */
  touchSecret(): void {
    this.#secret = this.#stamped(this.#secret);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.pods.map((pod) => pod.close()));
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #stamped<T extends Secret | Deployment>(object: T): T {
    this.#version += 1;
    return { ...object, metadata: { ...object.metadata, resourceVersion: String(this.#version) } };
  }

  async #rollOut(name: string): Promise<void> {
    const deployment = this.#deployments.get(name);
    if (deployment === undefined) return;
    await this.#pods.get(name)?.close();
    this.#pods.set(
      name,
      await startPod(deployment, this.#secret, { port: this.#port, now: this.now, isBusy: () => this.isBusy() }),
    );
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = chunks.length === 0 ? {} : JSON.parse(Buffer.concat(chunks).toString());
    const { pathname: path } = new URL(request.url ?? '', 'http://api');
    const method = request.method ?? '';
    const answer = (status: number, object: object) => {
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(JSON.stringify(object));
    };
    if (method === 'GET') {
      this.reads.push(path);
      answer(200, this.#read(path));
      return;
    }
    const change = { method, path, body };
    this.changes.push(change);
    const fault = this.onChange(change);
    if (fault === 'refused') return answer(REFUSED.status, REFUSED.object);
    if (fault === 'twice') await this.#change(path, body);
    const { status, object } = await this.#change(path, body);
    if (fault === 'reset-after') request.socket.resetAndDestroy();
    else answer(status, object);
  }

  #read(path: string): object {
    if (path.includes('/secrets/')) return this.#secret;
    if (path.includes('/jwtkeyrotations/')) return this.resource;
    const plural = path.split('/').at(-1) ?? '';
    const lists: Readonly<Record<string, readonly object[]>> = {
      pods: this.pods.map(({ object }) => object),
      deployments: this.deployments,
      ...{ statefulsets: [], daemonsets: [] },
    };
    const items = lists[plural];
    if (items === undefined) return this.#deployments.get(plural) ?? {};
    return { kind: 'List', metadata: { resourceVersion: '1' }, items };
  }

  async #change(path: string, body: Change['body'] & Partial<Secret & Deployment>) {
    const name = path.split('/').at(-1) ?? '';
    if (path.includes('/secrets/')) {
      if (isOutdated(body, this.#secret)) return CONFLICT;
      const { metadata, data } = this.#secret;
      const annotations = withoutNulls({ ...metadata.annotations, ...body.metadata?.annotations });
      this.#secret = this.#stamped({
        ...this.#secret,
        metadata: { ...metadata, annotations },
        data: withoutNulls({ ...data, ...body.data }),
      });
      this.written.push(this.#secret);
      this.signed.add(keysOf(this.#secret)[0] ?? '');
      return { status: 200, object: this.#secret };
    }
    const deployment = this.#deployments.get(name);
    if (deployment !== undefined) {
      if (isOutdated(body, deployment)) return CONFLICT;
      const next = this.#stamped(withAnnotations(deployment, body.spec?.template.metadata?.annotations ?? {}));
      this.#deployments.set(name, next);
      await this.#rollOut(name);
      return { status: 200, object: next };
    }
    return { status: 200, object: { kind: 'Status', status: 'Success' } };
  }
}

const REFUSED = {
  status: 422,
  object: { kind: 'Status', status: 'Failure', reason: 'Invalid', code: 422, message: 'a policy says no' },
};

const CONFLICT = {
  status: 409,
  object: { kind: 'Status', status: 'Failure', reason: 'Conflict', code: 409, message: 'changed' },
};

/** Whether the write is conditional on another version of the object. */
function isOutdated({ metadata }: Change['body'], object: KubeObject): boolean {
  const expected = metadata?.resourceVersion;
  return expected !== undefined && expected !== object.metadata.resourceVersion;
}

function deploymentOf(name: string): Deployment {
  const labels = { app: name };
  const container = { name: 'app', envFrom: [{ secretRef: { name: 'jwt' } }] };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: NAMESPACE, uid: `uid-${name}`, generation: 1 },
    spec: {
      replicas: 1,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [container] } },
    },
    status: { observedGeneration: 1, replicas: 1, updatedReplicas: 1, readyReplicas: 1, availableReplicas: 1 },
  };
}

function withAnnotations(deployment: Deployment, annotations: Readonly<Record<string, string>>): Deployment {
  const { spec } = deployment;
  if (spec === undefined) return deployment;
  const metadata = {
    ...spec.template.metadata,
    annotations: { ...spec.template.metadata?.annotations, ...annotations },
  };
  return { ...deployment, spec: { ...spec, template: { ...spec.template, metadata } } };
}

/** A merge patch takes away what it sets to null. */
function withoutNulls(values: Readonly<Record<string, string | null>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== null));
}
