/**
 * Argo Rollouts' own controller, as a local process: targets of kind Rollout are tried with the program that users run.
 * It is built once from its Go module, by the first test that needs it, and its CRDs come along.
 */
import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { findOrBuild } from '../cluster/binary.ts';
import type { GoProgram } from '../cluster/build.ts';
import type { KubeApi } from '../cluster/kubeapi.ts';
import { installCrds } from '../cluster/local-cluster.ts';
import { freePorts } from '../cluster/ports.ts';
import { type ManagedProcess, startProcess } from '../cluster/processes.ts';

const MODULE = 'github.com/argoproj/argo-rollouts';
const CRDS = [
  'rollout-crd.yaml',
  'analysis-run-crd.yaml',
  'analysis-template-crd.yaml',
  'cluster-analysis-template-crd.yaml',
  'experiment-crd.yaml',
];

const source = join(import.meta.dirname, 'binary');
const program: GoProgram = {
  what: 'the Argo Rollouts controller',
  ...{ source, entry: `${MODULE}/cmd/rollouts-controller`, linkerFlags: '-s -w' },
  accompany: async (folder) => {
    const { stdout } = await promisify(execFile)('go', ['list', '-m', '-f', '{{.Dir}}', MODULE], { cwd: source });
    mkdirSync(join(folder, 'crds'), { recursive: true });
    for (const file of CRDS) copyFileSync(join(stdout.trim(), 'manifests', 'crds', file), join(folder, 'crds', file));
  },
};

export interface RolloutsController {
  /** @throws Error when the API server refuses a CRD */
  installCrds(api: KubeApi): Promise<void>;
  removeCrds(api: KubeApi): Promise<void>;
  /** For one namespace. It dies with this process. */
  start(options: {
    readonly kubeconfig: string;
    readonly namespace: string;
    readonly dir: string;
  }): Promise<ManagedProcess>;
}

/** @param log receives progress: a build from scratch takes minutes */
export async function findRolloutsController(log: (line: string) => void): Promise<RolloutsController> {
  const path = await findOrBuild('rollouts-controller', program, log);
  const folder = join(dirname(path), 'crds');
  return {
    installCrds: async (api) => {
      const complaints: string[] = [];
      await installCrds(api, folder, (line) => void complaints.push(line));
      if (complaints.length > 0) throw new Error(complaints.join('\n'));
    },
    removeCrds: async (api) => {
      for (const file of CRDS) {
        const name = /^ {2}name: (\S+\.argoproj\.io)$/m.exec(readFileSync(join(folder, file), 'utf8'))?.[1] ?? '';
        await api.delete({ kind: 'CustomResourceDefinition', name });
      }
    },
    start: async ({ kubeconfig, namespace, dir }) => {
      const [metrics, healthz] = await freePorts(2);
      const flags = ['--kubeconfig', kubeconfig, '--namespaced', '--namespace', namespace, '--leader-elect=false'];
      return startProcess({
        name: 'rollouts-controller',
        command: [path, ...flags, `--metricsPort=${metrics}`, `--healthzPort=${healthz}`],
        logPath: join(dir, 'rollouts-controller.log'),
      });
    },
  };
}
