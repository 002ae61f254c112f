/** A control plane with an audit log, and operators on it, one after the other. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeApi } from '../test/support/cluster/kubeapi.ts';
import { startLocalCluster } from '../test/support/cluster/local-cluster.ts';
import type { Command } from '../test/support/cluster/processes.ts';
import { bundlePrograms } from '../test/support/cluster/programs.ts';
import type { Images } from '../test/support/node/image.ts';
import { installOperator, OPERATOR_NAMESPACE, operatorKubeconfig } from '../test/support/scenario/install.ts';
import { type OperatorProcess, startOperator } from '../test/support/scenario/operator.ts';
import { type Lag, lagIn } from './probe.ts';

/** An operator that is measured. */
export interface Measured extends OperatorProcess {
  /** Milliseconds from its start to the first yes of /readyz. */
  readonly readyAfterMs: number;
  /** Begins a new count of {@link lag}; one is under way from the start on. */
  resetLag(): void;
  /** Ends the count: how late its event loop was since it began. The operator takes more of the processor while it is counted. */
  lag(): Promise<Lag>;
}

export interface Stage {
  readonly api: KubeApi;
  readonly auditLog: string;
  /** As the administrator. */
  readonly kubectl: Command;
  /** Starts the bundle, and waits until it is ready. */
  operator(flags?: readonly string[]): Promise<Measured>;
  /** Stops the API server and starts it again. */
  restartApiServer(): Promise<void>;
  close(): Promise<void>;
}

const NO_PODS: Served = { images: {}, nodeCount: 0 };
const repoRoot = join(import.meta.dirname, '..');
/** How long lag.mjs may take to write its file. */
const LAG_MS = 1_000;
const PATIENCE = { timeoutMs: 300_000, everyMs: 20 };

/** What pods run, which need a node. */
export interface Served {
  readonly images: Images;
  readonly nodeCount: number;
}

/** @param nodeFlags of the operators, such as `--cpu-prof` */
export async function openStage(nodeFlags: readonly string[], served: Served = NO_PODS): Promise<Stage> {
  const dir = mkdtempSync(join(tmpdir(), 'rekey-bench-'));
  const programs = await bundlePrograms(dir);
  const log = (line: string) => void process.stderr.write(`${line}\n`);
  const cluster = await startLocalCluster({ dir, ...served, repoRoot, auditLog: true, log });
  const { api, binaries, controlPlane } = cluster;
  await installOperator(api);
  const kubeconfig = await operatorKubeconfig(api, join(dir, 'operator.kubeconfig'));
  const lagFile = join(dir, 'lag.json');
  const operator = async (flags: readonly string[] = []): Promise<Measured> => {
    const startedAt = performance.now();
    const started = await startOperator({
      ...{ program: programs.operator, kubeconfig, leaseNamespace: OPERATOR_NAMESPACE, flags },
      logFile: join(dir, 'operator.log'),
      nodeFlags: ['--import', join(import.meta.dirname, 'lag.mjs'), ...nodeFlags],
      env: { REKEY_LAG: lagFile },
    });
    await started.waitUntilReady(PATIENCE);
    const readyAfterMs = performance.now() - startedAt;
    return {
      ...{ ...started, readyAfterMs },
      resetLag: () => started.kill('SIGUSR2'),
      lag: async () => {
        started.kill('SIGWINCH');
        await sleep(LAG_MS);
        return lagIn(lagFile);
      },
    };
  };
  const close = async () => {
    await cluster.stop();
    rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
  };
  const restartApiServer = () => controlPlane.restartApiServer();
  const kubectl: Command = [...binaries.kubectl, '--kubeconfig', controlPlane.kubeconfig];
  return { api, auditLog: controlPlane.auditLogPath, kubectl, operator, restartApiServer, close };
}
