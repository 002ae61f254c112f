/**
 * How long a leaked key lives (`make bench-emergency`): on a real API server with three services of three pods each, under
 * traffic, one emergency after another in the same cluster. Every pod is asked without pause with a token that is signed
 * with the leaked key; the time is from the annotation to the last answer that accepted one. The operator's own figure, from
 * its write of the fresh key to its proof, stands beside it.
 *
 *   node test/bench/emergency.ts --runs 10 --mode FailClosed|Rolling|both
 *
 * Exit status 1 if a pod accepted the key after the operator had said that none does.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type LocalCluster, startLocalCluster } from '../support/cluster/local-cluster.ts';
import { exampleImages } from '../support/node/images.ts';
import { forge } from '../support/scenario/forge.ts';
import { waitFor } from '../support/scenario/rotation.ts';
import { openScene, type Scene } from '../support/scenario/scene.ts';
import { waitForServices } from '../support/scenario/services.ts';

const REPLICAS = { replicas: 3 };
const PODS = 9;
/** Between two questions to a pod, which is how exact the figure is. */
const ASK_EVERY_MS = 20;
/** An emergency that takes longer has failed. */
const LIMIT_MS = 300_000;
const repoRoot = join(import.meta.dirname, '..', '..');

type Mode = 'FailClosed' | 'Rolling';

const { values } = parseArgs({
  options: { runs: { type: 'string', default: '10' }, mode: { type: 'string', default: 'both' } },
});
const modes: readonly Mode[] = values.mode === 'both' ? ['FailClosed', 'Rolling'] : [values.mode as Mode];

const dir = mkdtempSync(join(tmpdir(), 'rekey-bench-'));
let cluster: LocalCluster | undefined;
try {
  cluster = await startLocalCluster({
    dir,
    images: exampleImages(repoRoot),
    nodeCount: 2,
    repoRoot,
    log: (line) => process.stderr.write(`${line}\n`),
  });
  const scene = await openScene(
    { kubeconfig: cluster.controlPlane.kubeconfig, dir },
    { fleet: { services: { main: REPLICAS, autoscraper: REPLICAS, admin: REPLICAS } } },
  );
  scene.traffic();
  for (const mode of modes) if (!(await measure(scene, mode, Number(values.runs)))) process.exitCode = 1;
  const leaks = await scene.close();
  if (leaks.length > 0) throw new Error(`key bytes were told: ${JSON.stringify(leaks)}`);
} finally {
  await cluster?.stop();
  rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
}

/** @returns whether in each run the operator spoke the truth */
async function measure(scene: Scene, mode: Mode, runs: number): Promise<boolean> {
  const { api, namespace, name } = scene;
  await api.patch({ kind: 'JwtKeyRotation', namespace, name }, { spec: { emergency: { mode } } });
  const figures: number[] = [];
  let honest = true;
  for (let run = 1; run <= runs; run += 1) {
    const { seconds, told, early } = await burn(scene, `${mode}-${run}`);
    figures.push(seconds);
    honest &&= !early;
    const claim = early ? '  ACCEPTED AFTER THE OPERATOR SAID THAT NONE DOES' : '';
    print(
      `${mode} ${run}: last accepted after ${seconds.toFixed(2)} s; proved after ${told} s by the operator${claim}`,
    );
  }
  const sorted = figures.toSorted((a, b) => a - b);
  const [min, median, max] = [sorted[0], middle(sorted), sorted.at(-1)].map((value = 0) => value.toFixed(2));
  print(`mode=${mode} pods=${PODS} runs=${runs} min=${min} median=${median} max=${max}`);
  return honest;
}

async function burn(scene: Scene, nonce: string) {
  const { api, namespace, name, pods, keys } = scene;
  await waitForServices(api, namespace);
  const leaked = keys.signingKeys().at(-1) ?? '';
  const before = await scene.accepting(leaked);
  if (before.length !== PODS) throw new Error(`${before.length} of ${PODS} pods accept the key before it is burnt`);
  const forgery = forge(pods, leaked, ASK_EVERY_MS);
  const declaredAt = Date.now();
  const annotations = { 'rekey.dev/emergency': `${nonce}: a measurement` };
  await api.patch({ kind: 'JwtKeyRotation', namespace, name }, { metadata: { annotations } });
  const { resource } = await waitFor(
    api,
    namespace,
    name,
    `emergency ${nonce} is over`,
    ({ resource: { status } }) => status?.emergency?.nonce === nonce && status.emergency.keyGoneAt !== undefined,
    { timeoutMs: LIMIT_MS },
  );
  await waitForServices(api, namespace);
  const lastAccepted = await forgery.stop();
  const { keyGoneAt = '', seconds: told } = resource.status?.emergency ?? {};
  return { seconds: (lastAccepted - declaredAt) / 1000, told, early: lastAccepted > Date.parse(keyGoneAt) };
}

function middle(sorted: readonly number[]): number | undefined {
  const half = Math.floor(sorted.length / 2);
  const [low = 0, high = 0] = [sorted[half - 1], sorted[half]];
  return sorted.length % 2 === 1 ? high : (low + high) / 2;
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
