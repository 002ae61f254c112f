/**
 * The operator's process: flags, signals, exit code.
 */
import { leaveSignals } from './early-stop.ts';
import { HELP, parseFlags, UsageError } from './flags.ts';
import { harden } from './hardening.ts';
import { KubeConfigError, loadKubeConfig } from './kube/config.ts';
import { visible } from './kube/printable.ts';
import { Operator } from './operator.ts';
import { systemClock } from './runtime/clock.ts';
import { keepHeapSmall } from './runtime/heap.ts';
import { createLogger } from './runtime/log.ts';
import { onStopSignals } from './runtime/shutdown.ts';

async function main(): Promise<number> {
  const flags = parseFlags(process.argv.slice(2));
  if (flags.help) {
    process.stdout.write(HELP);
    return 0;
  }
  const log = createLogger({ level: flags.logLevel, now: systemClock.now });
  harden(flags, log);
  keepHeapSmall();
  const signals = onStopSignals(
    {
      on: (name, listener) => process.on(name, listener),
      off: (name, listener) => process.off(name, listener),
      exit: process.exit,
    },
    log,
  );
  leaveSignals();
  try {
    const { kubeconfig, context } = flags;
    return await new Operator(flags, loadKubeConfig({ kubeconfig, context }), log).run(signals.signal);
  } catch (error) {
    log.error('the operator failed', { error });
    return 1;
  } finally {
    signals.dispose();
    await log.flush();
  }
}

async function run(): Promise<void> {
  try {
    process.exitCode = await main();
  } catch (error) {
    const known = error instanceof UsageError || error instanceof KubeConfigError;
    process.stderr.write(`${known ? visible(error.message) : 'rekey failed to start'}\n`);
    process.exitCode = error instanceof UsageError ? 2 : 1;
  }
  // after a failure watches may be open, and would keep alive a process that does nothing
  if (process.exitCode !== 0) process.exit();
}

void run();
