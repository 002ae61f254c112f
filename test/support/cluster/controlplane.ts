import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ControlPlaneBinaries } from './binary.ts';
import {
  apiServerFlags,
  apiServerService,
  auditPolicy,
  controllerManagerFlags,
  etcdFlags,
  schedulerFlags,
} from './flags.ts';
import { KubeApi } from './kubeapi.ts';
import { type Credentials, writeKubeconfig } from './kubeconfig.ts';
import { type KubectlResult, runKubectl } from './kubectl.ts';
import { createPki, createUser, readCredentials } from './pki.ts';
import { freePorts } from './ports.ts';
import { type Command, type ManagedProcess, startProcess, tail } from './processes.ts';

/** A running etcd, kube-apiserver, kube-controller-manager and kube-scheduler, on loopback unless an address is given. */
export interface ControlPlane {
  /** Path of a kubeconfig file for the administrator. */
  readonly kubeconfig: string;
  readonly url: string;
  /** Holds pki/, log/, etcd/ and the kubeconfig files. */
  readonly dir: string;
  readonly adminCredentials: Credentials;
  /** The audit log (JSON lines), written when `auditLog` was asked for. */
  readonly auditLogPath: string;
  /** Process ids by name, for measurements. */
  pids(): Readonly<Record<string, number>>;
  /** Credentials of one more user, and the path of a kubeconfig for it: `<dir>/<name>.kubeconfig`. */
  user(name: string, groups?: readonly string[]): Promise<{ credentials: Credentials; kubeconfig: string }>;
  /** Runs kubectl as the administrator; a failed command is a result, not an error. */
  kubectl(args: readonly string[], input?: string): Promise<KubectlResult>;
  /** Stops only the API server, as in an outage; clients see a refused connection. */
  stopApiServer(): Promise<void>;
  /** Starts it again at the same address; resolves when it is ready. */
  startApiServer(): Promise<void>;
  restartApiServer(): Promise<void>;
  /** Ends all processes; the files stay. */
  stop(): Promise<void>;
}

/** Options of `startControlPlane`. */
export interface ControlPlaneOptions {
  readonly binaries: ControlPlaneBinaries;
  /** A folder of its own, made when missing. */
  readonly dir: string;
  /** Writes one line per request to `auditLogPath`. */
  readonly auditLog?: boolean;
  /** What it logs, as YAML. Default: every request, never a body. */
  readonly auditPolicy?: string;
  /** The API server's port; by default a free one. */
  readonly port?: number;
  /** An address of this machine that pods reach, for nodes with a kubelet: Services and endpoints work then. Default: loopback, and they do not. */
  readonly ip?: string;
}

const loopback = '127.0.0.1';
const readyTimeoutMs = 60_000;

/**
 * Starts a control plane and waits until pods can be created: the API server is
 * ready and the default ServiceAccount is there. None of its processes outlives
 * this one, however this one ends.
 * @throws Error that quotes the log of the process that failed
 */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  mkdirSync(join(options.dir, 'log'), { recursive: true, mode: 0o700 });
  const ip = options.ip ?? loopback;
  await createPki(options.binaries.pki, join(options.dir, 'pki'), ...(ip === loopback ? [ip] : [ip, apiServerService]));
  for (let attempt = 1; ; attempt += 1) {
    const parts = new Parts(options, ip, await choosePorts(ip, options.port));
    try {
      return await parts.start();
    } catch (error) {
      await parts.stop();
      // Between choosing a port and binding it somebody else may have taken it.
      if (attempt === 3 || !/address already in use/.test(String(error))) throw error;
    }
  }
}

interface Ports {
  readonly apiServer: number;
  readonly etcdClient: number;
  readonly etcdPeer: number;
}

async function choosePorts(ip: string, port: number | undefined): Promise<Ports> {
  const [apiServer = 0, etcdClient = 0, etcdPeer = 0] = await freePorts(3, ip);
  return { apiServer: port ?? apiServer, etcdClient, etcdPeer };
}

/** Collecting garbage is a sixth of what the API server does under tests, and a machine that runs them has the memory. */
function garbageCollectedLess(): Readonly<Record<string, string>> {
  return { ...(process.env as Record<string, string>), GOGC: process.env.GOGC ?? '400' };
}

class Parts implements ControlPlane {
  readonly kubeconfig: string;
  readonly url: string;
  readonly dir: string;
  readonly adminCredentials: Credentials;
  readonly auditLogPath: string;
  readonly #options: ControlPlaneOptions;
  readonly #ip: string;
  readonly #ports: Ports;
  readonly #running = new Map<string, ManagedProcess>();

  constructor(options: ControlPlaneOptions, ip: string, ports: Ports) {
    this.#options = options;
    this.#ip = ip;
    this.#ports = ports;
    this.dir = options.dir;
    this.url = `https://${ip}:${ports.apiServer}`;
    this.kubeconfig = join(this.dir, 'admin.kubeconfig');
    this.auditLogPath = join(this.dir, 'log', 'audit.log');
    this.adminCredentials = readCredentials(join(this.dir, 'pki'), 'admin', this.url);
  }

  async start(): Promise<ControlPlane> {
    const { binaries } = this.#options;
    for (const user of ['admin', 'kube-controller-manager', 'kube-scheduler']) this.#writeKubeconfig(user);
    writeFileSync(join(this.dir, 'audit-policy.yaml'), this.#options.auditPolicy ?? auditPolicy);
    await this.#startPart('etcd', binaries.etcd, etcdFlags(this.dir, this.#ip, this.#ports));
    await this.startApiServer();
    // Only now: it exits when the roles that the API server makes at its start are not there yet.
    const managerFlags = controllerManagerFlags(this.dir, this.#hasNodes);
    await this.#startPart('kube-controller-manager', binaries.kubeControllerManager, managerFlags);
    await this.#startPart('kube-scheduler', binaries.kubeScheduler, schedulerFlags(this.dir));
    await this.#until('the default ServiceAccount', async (api) => {
      await api.get({ kind: 'ServiceAccount', namespace: 'default', name: 'default' });
    });
    return this;
  }

  pids(): Readonly<Record<string, number>> {
    return Object.fromEntries([...this.#running.values()].map(({ name, pid }) => [name, pid]));
  }

  async user(name: string, groups: readonly string[] = []): Promise<{ credentials: Credentials; kubeconfig: string }> {
    await createUser(this.#options.binaries.pki, join(this.dir, 'pki'), name, groups);
    return {
      credentials: readCredentials(join(this.dir, 'pki'), name, this.url),
      kubeconfig: this.#writeKubeconfig(name),
    };
  }

  kubectl(args: readonly string[], input?: string): Promise<KubectlResult> {
    return runKubectl([...this.#options.binaries.kubectl, '--kubeconfig', this.kubeconfig], args, input);
  }

  async stopApiServer(): Promise<void> {
    await this.#stopPart('kube-apiserver');
  }

  async startApiServer(): Promise<void> {
    const { auditLog = false } = this.#options;
    const flags = apiServerFlags(this.dir, this.#ip, this.#ports, { auditLog, hasNodes: this.#hasNodes });
    await this.#startPart('kube-apiserver', this.#options.binaries.kubeApiserver, flags);
    await this.#until('the API server', (api) => api.raw({ path: '/readyz' }));
  }

  async restartApiServer(): Promise<void> {
    await this.stopApiServer();
    await this.startApiServer();
  }

  async stop(): Promise<void> {
    // Clients first, so that none of them waits for a server that is gone.
    await Promise.all([this.#stopPart('kube-scheduler'), this.#stopPart('kube-controller-manager')]);
    await this.#stopPart('kube-apiserver');
    await this.#stopPart('etcd');
  }

  /** Whether there are nodes with a kubelet. */
  get #hasNodes(): boolean {
    return this.#ip !== loopback;
  }

  async #startPart(name: string, [program, ...first]: Command, flags: readonly string[]): Promise<void> {
    const logPath = join(this.dir, 'log', `${name}.log`);
    const command = [program, ...first, ...flags] as const;
    this.#running.set(name, await startProcess({ name, command, logPath, cwd: this.dir, env: garbageCollectedLess() }));
  }

  async #stopPart(name: string): Promise<void> {
    const part = this.#running.get(name);
    this.#running.delete(name);
    // The API server would wait for its watches to end by themselves.
    await part?.stop(1_000);
  }

  /** Repeats a request until the server takes it, a part of the control plane ends, or it takes too long. */
  async #until(what: string, attempt: (api: KubeApi) => Promise<unknown>): Promise<void> {
    const api = new KubeApi(this.adminCredentials);
    const over = new AbortController();
    const repeat = async (): Promise<void> => {
      while (!over.signal.aborted) {
        try {
          await attempt(api);
          return;
        } catch {
          await sleep(50);
        }
      }
    };
    const failure = async (part: ManagedProcess): Promise<never> => {
      await part.exited;
      throw new Error(`${part.name} ended at its start:\n${tail(part.logPath)}`);
    };
    const timeout = async (): Promise<never> => {
      await sleep(readyTimeoutMs, undefined, { signal: over.signal });
      throw new Error(`${what} is not there after ${readyTimeoutMs / 1_000} s: see ${join(this.dir, 'log')}`);
    };
    try {
      await Promise.race([repeat(), timeout(), ...[...this.#running.values()].map(failure)]);
    } finally {
      over.abort();
      await api.close();
    }
  }

  #writeKubeconfig(user: string): string {
    const path = join(this.dir, `${user}.kubeconfig`);
    writeKubeconfig(path, user, readCredentials(join(this.dir, 'pki'), user, this.url));
    return path;
  }
}
