/**
 * A rotation to watch: `make demo`. With NAIVE=1, what people do today, under the same traffic. With KEEP=1 the cluster
 * stays until Ctrl-C.
 *
 * Exit status: 0 if no valid token was rejected, the old key is accepted nowhere and the rotation was completed (with
 * NAIVE=1: if it ran); 1 if not; 130 or 143 if it was interrupted. Nothing is left behind either way.
 */
import { constants } from 'node:os';
import { rotateNaively } from './naive.ts';
import { rotateWithRekey } from './rekey.ts';
import { openScreen, seconds } from './screen.ts';
import { type Stage, setStage } from './stage.ts';

const screen = openScreen();
const ends = new AsyncDisposableStack();
/** The exit status once the demo is over and only the cluster is kept. */
let verdict: number | undefined;

process.exitCode = await Promise.race([play(), interruption()]).catch((error: unknown) => failed(error));
try {
  await ends.disposeAsync();
} catch (error) {
  process.exitCode = failed(error);
}
// A step that was interrupted may still wait for something.
process.exit();

async function play(): Promise<number> {
  const began = Date.now();
  const { bold, good, bad } = screen.style;
  const isNaive = process.env.NAIVE === '1';
  const title = isNaive
    ? 'A new key the usual way: write it, restart everything'
    : 'rekey: a new JWT key for three services, and no valid token rejected';
  screen.line(bold(title));
  screen.line();
  const stage = await setStage(screen, ends);
  const passed = isNaive ? await rotateNaively(stage) : await rotateWithRekey(stage);
  screen.line();
  const took = `in ${seconds(Date.now() - began)}`;
  if (isNaive) screen.line('With rekey under the same traffic: make demo');
  else screen.line(passed ? good(`PASSED ${took}`) : bad(`FAILED ${took}`));
  if (passed && !isNaive) screen.line('The usual way under the same traffic: make demo NAIVE=1');
  verdict = passed ? 0 : 1;
  if (process.env.KEEP === '1') await keep(stage);
  return verdict;
}

async function keep({ cluster, binaries }: Stage): Promise<never> {
  screen.line();
  screen.line('The cluster stays until Ctrl-C. In another terminal:');
  screen.line(`  export KUBECONFIG=${cluster.controlPlane.kubeconfig}`);
  screen.line(`  alias kubectl='${binaries.kubectl.join(' ')}'`);
  return new Promise(() => setInterval(() => {}, 60_000));
}

function failed(error: unknown): number {
  screen.line();
  screen.line(screen.style.bad(`The demo failed: ${error instanceof Error ? error.message : String(error)}`));
  return 1;
}

/** The first signal ends the demo in good order, the second at once: the watchdog of the cluster ends its processes. */
function interruption(): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  let interrupted = false;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      const code = verdict ?? 128 + constants.signals[signal];
      if (interrupted) process.exit(code);
      interrupted = true;
      screen.end('Stopping everything …');
      resolve(code);
    });
  }
  return promise;
}
