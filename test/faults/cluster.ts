/**
 * A control plane with two nodes for one process of the campaign, and the programs that run on it.
 */
import { cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { type LocalCluster, startLocalCluster } from '../support/cluster/local-cluster.ts';
import { bundlePrograms } from '../support/cluster/programs.ts';
import type { ProvidedCluster } from '../support/cluster/provided.ts';
import type { Images } from '../support/node/image.ts';
import { exampleImages } from '../support/node/images.ts';
import { type Build, repoRoot } from './operator.ts';

/** The operator as it ships. */
export async function bundleOperator(dir: string): Promise<Build> {
  const { operator: entry } = await bundlePrograms(dir);
  return { entry, preload: [], env: { NODE_COMPILE_CACHE: join(dir, 'compile-cache') } };
}

/**
 * Copies the sources, so that an edit in the middle of a campaign does not change what is tried.
 *
 * @returns the folder that holds src/
 */
export function copySources(dir: string): string {
  const copy = join(dir, 'sources');
  cpSync(join(repoRoot, 'src'), join(copy, 'src'), { recursive: true });
  cpSync(join(repoRoot, 'package.json'), join(copy, 'package.json'));
  symlinkSync(join(repoRoot, 'node_modules'), join(copy, 'node_modules'));
  return copy;
}

/** A mutant of the operator: see mutants.ts. */
export function mutantOperator(sources: string, mutant: string): Build {
  const mutate = join(repoRoot, 'test', 'faults', 'mutate.ts');
  return { entry: join(sources, 'src', 'main.ts'), preload: [mutate], env: { REKEY_FAULTS_MUTANT: mutant } };
}

export interface CampaignCluster {
  readonly provided: ProvidedCluster;
  readonly local: LocalCluster;
  readonly images: Images;
  stop(): Promise<void>;
}

export async function startCampaignCluster(dir: string, service: string): Promise<CampaignCluster> {
  mkdirSync(dir, { recursive: true });
  const images = exampleImages(repoRoot, service);
  const local = await startLocalCluster({
    dir,
    images,
    nodeCount: 2,
    repoRoot,
    auditLog: true,
    log: (line) => process.stderr.write(`${line}\n`),
  });
  const { kubeconfig, url, auditLogPath } = local.controlPlane;
  const { pki, kubectl } = local.binaries;
  const nodes = local.nodes.map(({ name, dir: nodeDir }) => ({ name, dir: nodeDir }));
  const provided = {
    ...{ kubeconfig, url, dir, auditLogPath, nodes, pki },
    kubectl: [...kubectl, '--kubeconfig', kubeconfig] as const,
  };
  return { provided, local, images, stop: () => local.stop() };
}
