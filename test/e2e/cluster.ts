/** A control plane, a real node and the operator in its image, deployed by the commands of the README. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ControlPlaneBinaries, findOrBuildControlPlane, findOrBuildNode } from '../support/cluster/binary.ts';
import { type ControlPlane, startControlPlane } from '../support/cluster/controlplane.ts';
import { KubeApi } from '../support/cluster/kubeapi.ts';
import { until } from '../support/scenario/until.ts';
import { repoRoot } from './images.ts';
import type { Layers } from './machine.ts';
import { makeNetwork, NODE_IP, type RealNode, startNode } from './node.ts';

/** What the process outside the network namespace has prepared. */
export interface Prepared {
  readonly dir: string;
  readonly layers: Layers;
  readonly images: readonly string[];
}

export interface E2eCluster {
  readonly dir: string;
  readonly controlPlane: ControlPlane;
  readonly binaries: ControlPlaneBinaries;
  readonly api: KubeApi;
  readonly node: RealNode;
  /** @throws Error when the command fails, with what it said */
  kubectl(args: readonly string[], input?: string): Promise<string>;
  stop(): Promise<void>;
}

/** Starts all but the operator, in this process' network namespace, which must be new. */
export async function startCluster({ dir, layers, images }: Prepared): Promise<E2eCluster> {
  const log = (line: string): void => void process.stderr.write(`${line}\n`);
  const [binaries, programs] = [await findOrBuildControlPlane(log), await findOrBuildNode(log)];
  await makeNetwork();
  const controlPlane = await startControlPlane({
    binaries,
    dir: join(dir, 'controlplane'),
    auditLog: true,
    // as it is in most clusters, and in deploy/network
    ...{ ip: NODE_IP, port: 6443 },
  });
  const api = new KubeApi(controlPlane.adminCredentials);
  const options = { programs, layers, images, controlPlane, api, dir: join(dir, 'node') };
  mkdirSync(options.dir);
  const node = await startNode(options).catch(async (error: unknown) => {
    await api.close();
    await controlPlane.stop();
    throw error;
  });
  return {
    ...{ dir, controlPlane, binaries, api, node },
    kubectl: async (args, input) => {
      const { code, stdout, stderr } = await controlPlane.kubectl(args, input);
      if (code !== 0) throw new Error(`kubectl ${args.join(' ')}: ${stderr.trim()}`);
      return stdout;
    },
    stop: async () => {
      await node.stop();
      await api.close();
      await controlPlane.stop();
    },
  };
}

/** As `make image` calls it. */
function operatorImage(): string {
  const { version } = JSON.parse(readFileSync(join(repoRoot, 'package.json'), 'utf8')) as { readonly version: string };
  const debian = process.arch === 'arm64' ? 'arm64' : 'amd64';
  return `localhost/rekey-${debian}:${version}`;
}

/** README, Install it on a cluster: the operator. The cluster has no registry, so its image was imported instead of pushed. */
export async function deployOperator({ kubectl }: E2eCluster): Promise<void> {
  await kubectl(['apply', '-k', join(repoRoot, 'deploy', 'base')]);
  await kubectl(['set', 'image', '-n', 'rekey-system', 'deployment/rekey', `rekey=${operatorImage()}`]);
  await kubectl(['rollout', 'status', '-n', 'rekey-system', 'deployment/rekey', '--timeout=120s']);
}

/** README, Install it on a cluster: access to one Secret in one namespace, by the line that is there. */
export async function letIn({ kubectl }: E2eCluster, namespace: string, secret: string, files: boolean): Promise<void> {
  const role = await kubectl(['kustomize', join(repoRoot, 'deploy', 'namespace')]);
  const named = execFileSync('sed', ['-E', `s/- jwt(-rekey)?$/- ${secret}\\1/`], { input: role, encoding: 'utf8' });
  await kubectl(['apply', '-n', namespace, '-f', '-'], named);
  if (files) await kubectl(['apply', '-n', namespace, '-k', join(repoRoot, 'deploy', 'files')]);
}

/** What the operator's pods have said, those that are there. */
export async function operatorLogs({ kubectl }: E2eCluster): Promise<string> {
  const pods = ['-l', 'app.kubernetes.io/name=rekey', '--tail=-1', '--prefix'];
  let text = '';
  await until('the logs of the operator are there', async () => {
    text = await kubectl(['logs', '-n', 'rekey-system', ...pods]).catch(() => '');
    return text !== '';
  });
  return text;
}
