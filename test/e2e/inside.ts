/**
 * What happens in the network namespace: see e2e.ts.
 *
 * Usage: node test/e2e/inside.ts PREPARED [--up | NAME…]
 */
import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { deployOperator, type Prepared, startCluster } from './cluster.ts';
import { hasPassed, lineOf, type Outcome } from './outcome.ts';
import { SCENES } from './scenes.ts';

const [path = '', ...args] = process.argv.slice(2);
const prepared = JSON.parse(readFileSync(path, 'utf8')) as Prepared;
const seconds = (since: number): string => `${((Date.now() - since) / 1_000).toFixed(1)} s`;

const began = Date.now();
const cluster = await startCluster(prepared);
try {
  console.log(`node Ready after ${seconds(began)}: containerd, kubelet and kube-proxy; images imported`);
  const deployed = Date.now();
  await deployOperator(cluster);
  console.log(`operator deployed as README says, Available after ${seconds(deployed)}`);
  process.exitCode = await Promise.race([args[0] === '--up' ? keep() : play(args), interruption()]);
} catch (error) {
  console.log(`e2e: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
} finally {
  await cluster.stop();
}
// a scene that was interrupted may still wait for something
process.exit();

async function play(only: readonly string[]): Promise<number> {
  const outcomes: Outcome[] = [];
  for (const { name, run } of SCENES.filter((scene) => only.length === 0 || only.includes(scene.name))) {
    const start = Date.now();
    const namespace = `e2e-${name}`;
    const outcome = await run(cluster, namespace).catch(async (error: unknown): Promise<Outcome> => {
      await cluster.api.delete({ kind: 'Namespace', name: namespace }).catch(() => {});
      return { faults: [error instanceof Error ? error.message : String(error)], promise: '' };
    });
    outcomes.push(outcome);
    console.log(lineOf(name, outcome, seconds(start)));
    for (const fault of outcome.faults) console.log(`  fault: ${fault}`);
  }
  const passed = outcomes.filter(hasPassed).length;
  console.log(`${passed} passed, ${outcomes.length - passed} failed`);
  return passed === outcomes.length ? 0 : 1;
}

function keep(): Promise<never> {
  const { kubeconfig } = cluster.controlPlane;
  const kubectl = cluster.binaries.kubectl.join(' ');
  console.log('The node stays until Ctrl-C. In another terminal, as root:');
  console.log(`  alias kubectl='nsenter --target ${process.pid} --net ${kubectl} --kubeconfig ${kubeconfig}'`);
  return new Promise(() => setInterval(() => {}, 60_000));
}

/** The first signal ends all in good order, the second at once: the watchdog ends the processes then. */
function interruption(): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  let interrupted = false;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => {
      if (interrupted) process.exit(128 + constants.signals[signal]);
      interrupted = true;
      console.log('stopping');
      resolve(128 + constants.signals[signal]);
    });
  return promise;
}
