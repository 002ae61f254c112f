/**
 * A real node: containerd, kubelet and kube-proxy, in the network namespace of this process and in mount and process namespaces of its
 * own. Its first process ends all others with it, as the power supply of a machine does, and so does the end of this process.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { NodePrograms } from '../support/cluster/binary.ts';
import type { ControlPlane } from '../support/cluster/controlplane.ts';
import type { KubeApi } from '../support/cluster/kubeapi.ts';
import { type Command, type ManagedProcess, startProcess, tail } from '../support/cluster/processes.ts';
import { until } from '../support/scenario/until.ts';
import { cgroupOf, freeCgroup, makeCgroup } from './cgroup.ts';
import { type Layers, layOver } from './machine.ts';
import { cniConfig, containerdConfig, type KubeletSettings, kubeletConfig, kubeProxyConfig } from './node-config.ts';

export const NODE_NAME = 'node-1';
/** Of the node and of the API server; nobody outside the namespace has a way to it. */
export const NODE_IP = '192.168.77.1';

export interface NodeOptions {
  readonly programs: NodePrograms;
  readonly layers: Layers;
  /** Archives of images. */
  readonly images: readonly string[];
  readonly controlPlane: ControlPlane;
  readonly api: KubeApi;
  /** A folder of its own: what would be below /var on a machine, and logs. */
  readonly dir: string;
}

export interface RealNode {
  /** SIGKILL: pods go on, nobody looks after them. */
  killKubelet(): Promise<void>;
  /** @param settings those of before if absent */
  startKubelet(settings?: KubeletSettings): Promise<void>;
  /** Cuts the power: every process of the node is gone, disks stay. */
  cutPower(): Promise<void>;
  /** Starts the node after that. Resolves when the kubelet runs, not when its pods do. */
  boot(): Promise<void>;
  /** Runs a program of the node, such as iptables. @returns its output @throws Error when it fails */
  run(...command: readonly string[]): Promise<string>;
  /** SIGKILL to every container of a pod, as if they had crashed. */
  killContainers(podUid: string): Promise<void>;
  stop(): Promise<void>;
}

const run = promisify(execFile);

/** Gives this network namespace, which must be new, an address and a default route that leads nowhere. */
export async function makeNetwork(): Promise<void> {
  const commands = [
    'link set lo up',
    // some kernels have no device of the kind dummy
    'link add node0 type veth peer name node1',
    `addr add ${NODE_IP}/24 dev node0`,
    'link set node0 up',
    'link set node1 up',
    'route add default dev node0',
  ];
  for (const command of commands) await run('ip', command.split(' '));
  writeFileSync('/proc/sys/net/ipv4/ip_forward', '1');
}

/** Resolves when pods can be scheduled to the node. */
export async function startNode(options: NodeOptions): Promise<RealNode> {
  const node = new Node(options);
  try {
    await node.start();
  } catch (error) {
    await node.stop();
    throw error;
  }
  return node;
}

class Node implements RealNode {
  readonly #options: NodeOptions;
  /** Folder below the root of the cgroups. */
  readonly #cgroup = cgroupOf(process.pid);
  readonly #parts = new Map<string, ManagedProcess>();
  #settings: KubeletSettings = {};
  /** The first process of the node, as this process sees it. */
  #first: number | undefined;

  constructor(options: NodeOptions) {
    this.#options = options;
  }

  async start(): Promise<void> {
    const { controlPlane, dir, api, images } = this.#options;
    for (const folder of ['log', 'config', 'var-lib', 'var-log']) mkdirSync(join(dir, folder), { recursive: true });
    const { kubeconfig } = await controlPlane.user('system:kube-proxy');
    await controlPlane.user(`system:node:${NODE_NAME}`, ['system:nodes']);
    this.#write('containerd.toml', containerdConfig);
    this.#write('pods.conflist', cniConfig);
    this.#write('kube-proxy.yaml', kubeProxyConfig(kubeconfig, NODE_NAME));
    await this.#bootRuntime();
    for (const image of images) await this.run('ctr', '-n', 'k8s.io', 'images', 'import', image);
    await this.#startKubernetes();
    await until('the node is Ready', async () => {
      const node = await api.find({ kind: 'Node', name: NODE_NAME });
      const { conditions = [] } = (node?.status ?? {}) as { conditions?: { type: string; status: string }[] };
      const { taints } = (node?.spec ?? {}) as { taints?: unknown };
      return conditions.some(({ type, status }) => type === 'Ready' && status === 'True') && taints === undefined;
    });
  }

  async killKubelet(): Promise<void> {
    const kubelet = this.#parts.get('kubelet');
    kubelet?.signal('SIGKILL');
    await kubelet?.exited;
  }

  async startKubelet(settings = this.#settings): Promise<void> {
    this.#settings = settings;
    const { programs, controlPlane, dir } = this.#options;
    this.#write('kubelet.yaml', kubeletConfig(this.#cgroup, join(controlPlane.dir, 'pki'), settings));
    const kubeconfig = join(controlPlane.dir, `system:node:${NODE_NAME}.kubeconfig`);
    await this.#startPart('kubelet', [
      ...programs.kubelet,
      ...['--config', join(dir, 'config', 'kubelet.yaml'), '--kubeconfig', kubeconfig],
      ...['--hostname-override', NODE_NAME, '--node-ip', NODE_IP],
    ]);
  }

  async cutPower(): Promise<void> {
    const first = this.#first;
    this.#first = undefined;
    if (first !== undefined) process.kill(first, 'SIGKILL');
    await Promise.all([...this.#parts.values()].map((part) => part.stop(100)));
    // the kernel is done with it only when it has ended every process of its namespace
    await until('all processes of the node are gone', async () => !existsSync(`/proc/${first}`), { everyMs: 20 });
    this.#parts.clear();
    // they are no more than memory: a kubelet that finds those of before waits a minute for what was in them
    await freeCgroup(this.#cgroup);
  }

  async boot(): Promise<void> {
    await this.#bootRuntime();
    await this.#startKubernetes();
  }

  async killContainers(podUid: string): Promise<void> {
    const filter = `labels."io.kubernetes.pod.uid"==${podUid},labels."io.cri-containerd.kind"==container`;
    const found = await this.run('ctr', '-n', 'k8s.io', 'containers', 'ls', '-q', filter);
    // one that has ended meanwhile has crashed, too
    for (const id of found.split('\n').filter((line) => line !== ''))
      await this.run('ctr', '-n', 'k8s.io', 'tasks', 'kill', '-s', 'SIGKILL', id).catch(() => '');
  }

  stop(): Promise<void> {
    return this.cutPower();
  }

  /** The namespaces with their mounts, then containerd. */
  async #bootRuntime(): Promise<void> {
    const { dir, layers } = this.#options;
    makeCgroup(this.#cgroup);
    const booted = join(dir, 'booted');
    rmSync(booted, { force: true });
    const script = [
      'set -e',
      ...layOver(layers),
      'mount -t tmpfs tmpfs /run',
      `mkdir /run/cni && cp ${join(dir, 'config', 'pods.conflist')} /run/cni`,
      `mount --bind ${join(dir, 'var-lib')} /var/lib`,
      `mount --bind ${join(dir, 'var-log')} /var/log`,
      'mount --make-rshared /',
      `touch ${booted}`,
      // reaps those whose parents are gone
      'while :; do sleep 1000; done',
    ].join('\n');
    const unshare = ['unshare', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc', 'sh', '-c', script];
    const machine = await this.#start('machine', unshare as unknown as Command);
    await until(
      'the node has its mounts',
      async () => {
        if (machine.exit() !== undefined) throw new Error(`the node does not boot: ${tail(machine.logPath)}`);
        return existsSync(booted);
      },
      { everyMs: 20 },
    );
    this.#first = Number(readFileSync(`/proc/${machine.pid}/task/${machine.pid}/children`, 'utf8').trim());
    const containerd = await this.#startPart('containerd', [
      'containerd',
      '-c',
      join(dir, 'config', 'containerd.toml'),
    ]);
    await until(
      'containerd answers',
      async () => {
        if (containerd.exit() !== undefined) throw new Error(`containerd ended: ${tail(containerd.logPath)}`);
        return this.run('ctr', 'version').then(
          () => true,
          () => false,
        );
      },
      { everyMs: 100, timeoutMs: 60_000 },
    );
  }

  async #startKubernetes(): Promise<void> {
    const { programs, dir } = this.#options;
    await this.startKubelet();
    await this.#startPart('kube-proxy', [...programs.kubeProxy, '--config', join(dir, 'config', 'kube-proxy.yaml')]);
  }

  #startPart(name: string, command: Command): Promise<ManagedProcess> {
    return this.#start(name, [...this.#enter(), ...command] as unknown as Command);
  }

  async #start(name: string, command: Command): Promise<ManagedProcess> {
    const { dir } = this.#options;
    const part = await startProcess({ name, command, logPath: join(dir, 'log', `${name}.log`), cwd: '/' });
    this.#parts.set(name, part);
    return part;
  }

  #enter(): readonly string[] {
    if (this.#first === undefined) throw new Error('the node is off');
    return ['nsenter', '--target', String(this.#first), '--mount', '--pid', '--wd=/'];
  }

  async run(...command: readonly string[]): Promise<string> {
    const [program = '', ...args] = [...this.#enter(), ...command];
    return (await run(program, args, { maxBuffer: 2 ** 26 })).stdout;
  }

  #write(name: string, text: string): void {
    writeFileSync(join(this.#options.dir, 'config', name), text);
  }
}
