import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestProject } from 'vitest/node';
import { exampleImages } from '../node/images.ts';
import { type LocalCluster, startLocalCluster } from './local-cluster.ts';
import { buildService, bundlePrograms } from './programs.ts';
import type {} from './provided.ts';

const repoRoot = join(import.meta.dirname, '..', '..', '..');

let cluster: LocalCluster | undefined;

/**
 * Starts one control plane and two process nodes for all test files of the run.
 * A test makes a namespace of its own and injects faults by annotations
 * (test/support/node/faults.ts), since the nodes live in this process and the
 * tests do not.
 */
export async function setup(project: TestProject): Promise<void> {
  const dir = mkdtempSync(join(tmpdir(), 'rekey-tests-'));
  const [programs, service] = await Promise.all([bundlePrograms(dir), buildService(dir)]);
  cluster = await startLocalCluster({
    dir,
    images: exampleImages(repoRoot, service),
    nodeCount: 2,
    repoRoot,
    auditLog: true,
    log: (line) => process.stderr.write(`${line}\n`),
  });
  const { kubeconfig, url, auditLogPath } = cluster.controlPlane;
  const nodes = cluster.nodes.map((node) => ({ name: node.name, dir: node.dir }));
  const { pki, kubectl } = cluster.binaries;
  project.provide('cluster', {
    ...{ kubeconfig, url, dir, auditLogPath, nodes, pki, programs },
    kubectl: [...kubectl, '--kubeconfig', kubeconfig],
  });
}

/** Stops everything; REKEY_KEEP_CLUSTER_FILES=1 keeps the logs. */
export async function teardown(): Promise<void> {
  await cluster?.stop();
  const dir = cluster?.controlPlane.dir;
  if (dir === undefined) return;
  if (process.env.REKEY_KEEP_CLUSTER_FILES === '1') process.stderr.write(`the cluster's files are in ${dir}\n`);
  else rmSync(dir, { recursive: true, force: true });
}
