/**
 * The whole cluster is put back to a snapshot of etcd, as after a disaster: control plane and nodes start anew, and the
 * operator, which has seen the future, goes on.
 */
import { cpSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { KubeApi } from '../support/cluster/kubeapi.ts';
import { type Command, type ManagedProcess, startProcess } from '../support/cluster/processes.ts';
import { startProcessNode } from '../support/node/process-node.ts';
import { until } from '../support/scenario/until.ts';
import type { CampaignCluster } from './cluster.ts';

const PARTS = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler'] as const;
/** Revisions that a restore with `bump` skips: more than any run makes. */
const BUMP = 4_000;

/** A copy of etcd's files at one instant, as a snapshot of the disk makes it. */
export interface Snapshot {
  readonly path: string;
}

export async function takeSnapshot({ local }: CampaignCluster): Promise<Snapshot> {
  const { dir } = local.controlPlane;
  const pid = local.controlPlane.pids().etcd;
  if (pid === undefined) throw new Error('etcd does not run');
  const path = join(dir, 'etcd-snapshot');
  rmSync(path, { recursive: true, force: true });
  process.kill(pid, 'SIGSTOP');
  try {
    cpSync(join(dir, 'etcd'), path, { recursive: true });
  } finally {
    process.kill(pid, 'SIGCONT');
  }
  return { path };
}

/**
 * The cluster is of no use for other plans afterwards.
 *
 * @param bump whether revisions go on above all that was seen, as `etcdutl snapshot restore --bump-revision` sees to
 * @returns how to end the processes that were started
 */
export async function restore(
  cluster: CampaignCluster,
  { path }: Snapshot,
  bump: boolean,
): Promise<() => Promise<void>> {
  const { controlPlane, nodes, binaries: _ } = cluster.local;
  const { dir } = controlPlane;
  const commands = new Map(PARTS.map((part) => [part, commandOf(controlPlane.pids()[part])]));
  await Promise.all(nodes.map((node) => node.stop()));
  await controlPlane.stopApiServer();
  for (const part of PARTS) kill(controlPlane.pids()[part]);
  await sleep(200);
  rmSync(join(dir, 'etcd'), { recursive: true, force: true });
  cpSync(path, join(dir, 'etcd'), { recursive: true });

  const running: ManagedProcess[] = [];
  const start = async (part: (typeof PARTS)[number]): Promise<void> => {
    const command = commands.get(part);
    if (command === undefined) throw new Error(`${part} did not run`);
    running.push(await startProcess({ name: part, command, logPath: join(dir, 'log', `${part}.log`), cwd: dir }));
  };
  await start('etcd');
  if (bump) await bumpRevision(commands.get('etcd') ?? ['']);
  await start('kube-apiserver');
  const api = new KubeApi(controlPlane.adminCredentials);
  await until('the API server is back', () =>
    api.raw({ path: '/readyz' }).then(
      () => true,
      () => false,
    ),
  );
  await Promise.all([start('kube-controller-manager'), start('kube-scheduler')]);
  const restarted = await Promise.all(
    nodes.map(({ name, dir: nodeDir }) => startProcessNode({ api, name, dir: nodeDir, images: cluster.images })),
  );
  // A process node cannot give a pod that another one ran an address of its own: they go, and others come.
  for (const { metadata } of (await api.list({ kind: 'Pod' })).items) {
    await api.delete({ kind: 'Pod', namespace: metadata.namespace, name: metadata.name }, { gracePeriodSeconds: 0 });
  }
  return async () => {
    await Promise.all(restarted.map((node) => node.stop()));
    await api.close();
    await Promise.all(running.reverse().map((part) => part.stop(1_000)));
  };
}

function commandOf(pid: number | undefined): Command {
  const [program = '', ...args] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').slice(0, -1);
  return [program, ...args];
}

function kill(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

/** Every write of etcd makes a revision. */
async function bumpRevision(etcd: Command): Promise<void> {
  const url = etcd[etcd.indexOf('--listen-client-urls') + 1];
  const body = JSON.stringify({ key: Buffer.from('rekey-faults').toString('base64'), value: '' });
  const put = () =>
    fetch(`${url}/v3/kv/put`, { method: 'POST', body }).then(
      (answer) => answer.ok,
      () => false,
    );
  await until('etcd is back', put);
  for (let done = 0; done < BUMP; done += 50) await Promise.all(Array.from({ length: 50 }, put));
}
