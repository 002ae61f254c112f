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
import { openScreen, type Screen, seconds } from './screen.ts';
import { type Stage, setStage } from './stage.ts';

const screen = openScreen();
const ends = new AsyncDisposableStack();

process.exitCode = await Promise.race([play(screen), interruption()]).catch((error: unknown) => {
  screen.line();
  screen.line(screen.style.bad(`The demo failed: ${error instanceof Error ? error.message : String(error)}`));
  return 1;
});
await ends.disposeAsync();
// A step that was interrupted may still wait for something.
process.exit();

async function play(screen: Screen): Promise<number> {
  const began = Date.now();
  const { bold, good, bad } = screen.style;
  const isNaive = process.env.NAIVE === '1';
  const title = isNaive
    ? 'A new key the usual way: write it, restart everything'
    : 'rekey: a new JWT key for three services, and no valid token rejected';
  screen.line(bold(title));
  screen.line();
  const stage = await setStage(screen, ends);
  if (isNaive) {
    await rotateNaively(stage);
    await keep(stage);
    return 0;
  }
  const passed = await rotateWithRekey(stage);
  screen.line();
  const took = `whole demo ${seconds(Date.now() - began)}`;
  screen.line(passed ? good(`PASSED  ${took}`) : bad(`FAILED  ${took}`));
  if (passed) screen.line('The usual way under the same traffic: make demo NAIVE=1');
  await keep(stage);
  return passed ? 0 : 1;
}

async function keep({ cluster, binaries }: Stage): Promise<void> {
  if (process.env.KEEP !== '1') return;
  screen.line();
  screen.line('The cluster stays until Ctrl-C. In another terminal:');
  screen.line(`  export KUBECONFIG=${cluster.controlPlane.kubeconfig}`);
  screen.line(`  alias kubectl='${binaries.kubectl.join(' ')}'`);
  await new Promise(() => setInterval(() => {}, 60_000));
}

/** The first signal ends the demo in good order, the second at once: the watchdog of the cluster ends its processes. */
function interruption(): Promise<number> {
  const { promise, resolve } = Promise.withResolvers<number>();
  let interrupted = false;
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      const code = 128 + constants.signals[signal];
      if (interrupted) process.exit(code);
      interrupted = true;
      screen.line();
      screen.line('Interrupted: stopping everything …');
      resolve(code);
    });
  }
  return promise;
}
