import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ControlPlaneBinaries, findOrBuildControlPlane } from '../support/cluster/binary.ts';
import { type LocalCluster, startLocalCluster } from '../support/cluster/local-cluster.ts';
import { exampleImages } from '../support/node/images.ts';
import { createNamespace } from '../support/scenario/install.ts';
import { createSecret, deployServices, waitForServices } from '../support/scenario/services.ts';
import { type PodWatch, watchPods } from '../support/scenario/watchPods.ts';
import { startTraffic, type Traffic } from '../support/traffic/traffic.ts';
import { type Screen, seconds } from './screen.ts';

export const NAMESPACE = 'remotehive';
export const TOKENS_PER_SECOND = 20;
export const TOKEN_TTL_SECONDS = 20;

/** What both demonstrations start from: a cluster, a Secret with a key, three services that use it, traffic. */
export interface Stage {
  readonly cluster: LocalCluster;
  readonly binaries: ControlPlaneBinaries;
  readonly pods: PodWatch;
  /** A folder that goes when the demo ends. */
  readonly dir: string;
  readonly screen: Screen;
  /** The text of the key that the Secret held first: never to be printed. */
  readonly firstKey: string;
  /** Ended last in, first out, whatever happens. */
  readonly ends: AsyncDisposableStack;
}

/** Sets the stage, telling each step. */
export async function setStage(screen: Screen, ends: AsyncDisposableStack): Promise<Stage> {
  const dir = mkdtempSync(join(tmpdir(), 'rekey-demo-'));
  const remove = (): void => rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
  // Also when an error that nobody has foreseen ends the process.
  process.once('exit', remove);
  ends.defer(remove);
  const binaries = await findOrBuildControlPlane((line) => screen.progress(line, `  ${line}`), { soon: true });
  screen.clear();
  const cluster = await step(screen, 'cluster', 'a real Kubernetes API server; pods run as local processes', () =>
    startCluster(dir, screen, ends),
  );
  const { api } = cluster;
  const firstKey = await step(
    screen,
    'services',
    'main 3 (signs and verifies), autoscraper 2, admin 2 (Python)',
    async () => {
      await createNamespace(api, NAMESPACE);
      const key = await createSecret(api, NAMESPACE);
      await deployServices(api, NAMESPACE, { tokenTtlSeconds: TOKEN_TTL_SECONDS });
      await waitForServices(api, NAMESPACE);
      return key;
    },
  );
  const pods = await watchPods(api, NAMESPACE);
  ends.defer(() => pods.close());
  return { cluster, binaries, pods, dir, screen, firstKey, ends };
}

/** A cluster that is still starting when the demo is interrupted is ended as soon as it has started. */
async function startCluster(dir: string, screen: Screen, ends: AsyncDisposableStack): Promise<LocalCluster> {
  const repoRoot = join(import.meta.dirname, '..', '..');
  const starting = startLocalCluster({
    dir,
    images: exampleImages(repoRoot),
    soon: true,
    nodeCount: 2,
    repoRoot,
    auditLog: true,
    log: (line) => screen.line(`  ${line}`),
  });
  ends.defer(async () => {
    const started = await starting.catch(() => undefined);
    await started?.stop();
  });
  return starting;
}

/** Starts the traffic and lets it run until there are tokens of some age. */
export async function openTraffic({ pods, screen, ends }: Stage): Promise<Traffic> {
  const what = `${TOKENS_PER_SECOND} tokens a second, checked by all services till they expire`;
  return step(screen, 'traffic', what, async () => {
    const traffic = startTraffic({
      endpoints: pods.endpoints,
      tokensPerSecond: TOKENS_PER_SECOND,
      tokenTtlSeconds: TOKEN_TTL_SECONDS,
      issuers: ['main'],
    });
    ends.defer(async () => void (await traffic.stop()));
    const { promise, resolve } = Promise.withResolvers<void>();
    setTimeout(resolve, 3_000);
    await promise;
    return traffic;
  });
}

/** Runs one step of the preparation and tells it with the time that it took. */
export async function step<T>(screen: Screen, name: string, what: string, work: () => Promise<T>): Promise<T> {
  const began = Date.now();
  const label = name.padEnd(10);
  screen.draft(`  ${screen.style.bold(label)}${what}`);
  const result = await work();
  screen.clear();
  screen.line(`  ${screen.style.bold(label)}${what.padEnd(60)}${seconds(Date.now() - began).padStart(7)}`);
  return result;
}
