/** A control plane for one test file alone: for tests whose operators act on the whole cluster, and would meet the resources of others. */
import { join } from 'node:path';
import { exampleImages } from '../node/images.ts';
import { startLocalCluster } from './local-cluster.ts';
import type { ProvidedCluster } from './provided.ts';

export interface OwnCluster {
  readonly cluster: ProvidedCluster;
  stop(): Promise<void>;
}

const repoRoot = join(import.meta.dirname, '..', '..', '..');

/**
 * Starts it, without nodes: nothing runs in its pods.
 *
 * @param shared the cluster of the run, for its folder and its programs
 * @param name of the folder
 */
export async function openOwnCluster(shared: ProvidedCluster, name: string): Promise<OwnCluster> {
  const dir = join(shared.dir, name);
  const log = (line: string) => void process.stderr.write(`${line}\n`);
  const local = await startLocalCluster({
    ...{ dir, images: exampleImages(repoRoot), nodeCount: 0, repoRoot, auditLog: true, log },
  });
  const { kubeconfig, url, auditLogPath } = local.controlPlane;
  const { pki, kubectl } = local.binaries;
  const cluster = { ...shared, ...{ kubeconfig, url, dir, auditLogPath, pki, nodes: [] } };
  return { cluster: { ...cluster, kubectl: [...kubectl, '--kubeconfig', kubeconfig] }, stop: () => local.stop() };
}
