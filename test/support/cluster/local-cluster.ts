import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Images } from '../node/image.ts';
import { type ProcessNode, startProcessNode } from '../node/process-node.ts';
import { type ControlPlaneBinaries, findOrBuildControlPlane } from './binary.ts';
import { type ControlPlane, startControlPlane } from './controlplane.ts';
import { KubeApi } from './kubeapi.ts';
import type { KubeObject } from './kubeobject.ts';

/** A control plane with process nodes and the CRDs of this repository. */
export interface LocalCluster {
  readonly binaries: ControlPlaneBinaries;
  readonly controlPlane: ControlPlane;
  readonly nodes: readonly ProcessNode[];
  /** The administrator's client. */
  readonly api: KubeApi;
  stop(): Promise<void>;
}

/** Options of `startLocalCluster`. */
export interface LocalClusterOptions {
  /** A folder of its own, made when missing and left behind. */
  readonly dir: string;
  readonly images: Images;
  readonly nodeCount: number;
  /** Its crds/*.yaml are installed. */
  readonly repoRoot: string;
  readonly auditLog?: boolean;
  readonly port?: number;
  /** As that of {@link findOrBuildControlPlane}. */
  readonly soon?: boolean;
  readonly log: (line: string) => void;
}

/** Starts everything that a test or a demo needs; resolves when pods can be scheduled. */
export async function startLocalCluster(options: LocalClusterOptions): Promise<LocalCluster> {
  const { dir, images, nodeCount, repoRoot, auditLog, port, soon, log } = options;
  const binaries = await findOrBuildControlPlane(log, { soon });
  const controlPlane = await startControlPlane({
    binaries,
    dir,
    ...(auditLog === undefined ? {} : { auditLog }),
    ...(port === undefined ? {} : { port }),
  });
  const api = new KubeApi(controlPlane.adminCredentials);
  // Its own user, so that an audit log tells the nodes' requests from everybody else's.
  const { credentials } = await controlPlane.user('process-node', ['system:masters']);
  const nodeApi = new KubeApi(credentials, 'process-node');
  const nodes: ProcessNode[] = [];
  const stop = async (): Promise<void> => {
    await Promise.all(nodes.map((node) => node.stop()));
    await Promise.all([api.close(), nodeApi.close()]);
    await controlPlane.stop();
  };
  try {
    const names = Array.from({ length: nodeCount }, (_, index) => `node-${index + 1}`);
    const starts = names.map((name) => startProcessNode({ api: nodeApi, name, dir: join(dir, 'nodes', name), images }));
    nodes.push(...(await Promise.all(starts)));
    await installCrds(api, join(repoRoot, 'crds'), log);
    await until('all nodes can be scheduled to', async () => {
      const { items } = await api.list({ kind: 'Node' });
      return items.every((node) => (node.spec as { readonly taints?: unknown }).taints === undefined);
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return { binaries, controlPlane, nodes, api, stop };
}

/**
 * Installs every CRD in a folder (none when it is missing) and waits until they
 * are served. One that the server refuses is reported to `log` and left out:
 * only the tests that need it shall fail.
 */
export async function installCrds(api: KubeApi, folder: string, log: (line: string) => void): Promise<void> {
  if (!existsSync(folder)) return;
  for (const file of readdirSync(folder)) {
    if (!file.endsWith('.yaml') || file === 'kustomization.yaml') continue;
    try {
      for (const crd of await api.apply(readFileSync(join(folder, file), 'utf8'))) {
        const target = { kind: 'CustomResourceDefinition', name: crd.metadata.name };
        await until(`${crd.metadata.name} is established`, async () => isTrue(await api.get(target), 'Established'));
      }
    } catch (error) {
      log(`crds/${file} is NOT installed: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
}

function isTrue(object: KubeObject, condition: string): boolean {
  const status = object.status as
    | { readonly conditions?: readonly { readonly type: string; readonly status: string }[] }
    | undefined;
  return status?.conditions?.some(({ type, status }) => type === condition && status === 'True') ?? false;
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + 30_000; Date.now() < deadline; await sleep(50)) if (await holds()) return;
  throw new Error(`not within 30 s: ${what}`);
}
