/**
 * What makes pods of Rollouts in tests: a stand-in of ours, which is there at once, or, with `REKEY_ROLLOUTS=argo`, the
 * controller of Argo Rollouts itself, which is built once from its Go module and brings its CRDs along.
 */
import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { findOrBuild } from '../cluster/binary.ts';
import type { GoProgram } from '../cluster/build.ts';
import type { KubeApi } from '../cluster/kubeapi.ts';
import { installCrds } from '../cluster/local-cluster.ts';
import { freePorts } from '../cluster/ports.ts';
import { startProcess } from '../cluster/processes.ts';
import { startStandIn } from './stand-in.ts';

const MODULE = 'github.com/argoproj/argo-rollouts';
/** Files of the module, by the plurals of what they define. */
const CRDS = {
  rollouts: 'rollout-crd.yaml',
  analysisruns: 'analysis-run-crd.yaml',
  analysistemplates: 'analysis-template-crd.yaml',
  clusteranalysistemplates: 'cluster-analysis-template-crd.yaml',
  experiments: 'experiment-crd.yaml',
} as const;

const source = join(import.meta.dirname, 'binary');
const program: GoProgram = {
  what: 'the controller of Argo Rollouts',
  ...{ source, entry: `${MODULE}/cmd/rollouts-controller`, linkerFlags: '-s -w' },
  accompany: async (folder) => {
    const { stdout } = await promisify(execFile)('go', ['list', '-m', '-f', '{{.Dir}}', MODULE], { cwd: source });
    mkdirSync(join(folder, 'crds'), { recursive: true });
    for (const file of Object.values(CRDS)) {
      copyFileSync(join(stdout.trim(), 'manifests', 'crds', file), join(folder, 'crds', file));
    }
  },
};

/** Options of `start`. */
export interface StartOptions {
  readonly kubeconfig: string;
  /** It works there and nowhere else. */
  readonly namespace: string;
  /** For its log. */
  readonly dir: string;
}

export interface RolloutsController {
  /** @throws Error when the API server refuses a CRD */
  installCrds(api: KubeApi): Promise<void>;
  removeCrds(api: KubeApi): Promise<void>;
  /** It does not outlive this process. */
  start(options: StartOptions): Promise<{ stop(): Promise<void> }>;
}

/** @param log receives progress: to build the real one takes minutes */
export async function findRolloutsController(log: (line: string) => void): Promise<RolloutsController> {
  if (process.env.REKEY_ROLLOUTS !== 'argo') {
    const start = async ({ kubeconfig, namespace }: StartOptions) => startStandIn(kubeconfig, namespace);
    return { ...crdsIn(import.meta.dirname, ['rollouts']), start };
  }
  const path = await findOrBuild('rollouts-controller', program, log);
  return { ...crdsIn(join(dirname(path), 'crds'), Object.keys(CRDS)), start: (options) => startArgo(path, options) };
}

function crdsIn(folder: string, plurals: readonly string[]): Pick<RolloutsController, 'installCrds' | 'removeCrds'> {
  return {
    installCrds: async (api) => {
      const complaints: string[] = [];
      await installCrds(api, folder, (line) => void complaints.push(line));
      if (complaints.length > 0) throw new Error(complaints.join('\n'));
    },
    removeCrds: async (api) => {
      for (const plural of plurals) {
        await api.delete({ kind: 'CustomResourceDefinition', name: `${plural}.argoproj.io` });
      }
    },
  };
}

async function startArgo(
  path: string,
  { kubeconfig, namespace, dir }: StartOptions,
): Promise<{ stop(): Promise<void> }> {
  const [metrics, healthz] = await freePorts(2);
  const flags = ['--kubeconfig', kubeconfig, '--namespaced', '--namespace', namespace, '--leader-elect=false'];
  return startProcess({
    name: 'rollouts-controller',
    command: [path, ...flags, `--metricsPort=${metrics}`, `--healthzPort=${healthz}`],
    logPath: join(dir, 'rollouts-controller.log'),
  });
}
