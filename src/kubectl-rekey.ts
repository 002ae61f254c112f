/**
 * The command line's process: kubectl finds it as `kubectl rekey`. It acts by the rights of whoever calls it.
 */
import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import { type ConnectOptions, runCommand } from './cli/program.ts';
import { EXIT, guarded, type Terminal } from './cli/terminal.ts';
import { KubeClient } from './kube/client.ts';
import { loadKubeConfig } from './kube/config.ts';
import type { RequestObservation } from './kube/requester.ts';
import { Operations, redactText } from './rotation/people/operations.ts';
import { systemClock as clock } from './runtime/clock.ts';
import { createLogger } from './runtime/log.ts';
import { ServerClock } from './runtime/server-clock.ts';

const terminal: Terminal = {
  print: (text) => process.stdout.write(text),
  tell: (text) => process.stderr.write(text),
  clear: () => void (process.stdout.isTTY && process.stdout.write('\u001b[2J\u001b[H')),
  closed: () => closed,
  interactive: process.stdin.isTTY === true,
  question: async (text) => {
    const lines = createInterface({ input: process.stdin, output: process.stderr });
    try {
      // Ctrl-D and Ctrl-C are answers too
      const closed = once(lines, 'close').then(() => '');
      return await Promise.race([lines.question(text).catch(() => ''), closed]);
    } finally {
      lines.close();
    }
  },
  now: clock.now,
};

let closed = false;
// whoever reads may have seen enough; what was asked for is done to its end all the same
process.stderr.on('error', () => undefined);
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  closed = true;
  if (error.code === 'EPIPE') return;
  terminal.tell(`the result cannot be written: ${error.message}\n`);
  process.exitCode = EXIT.failed;
});

const clients: KubeClient[] = [];

async function connect(options: ConnectOptions): Promise<Operations> {
  const access = loadKubeConfig(options);
  // somebody may have to log in, which takes longer than a call may
  await access.credentials();
  const server = new ServerClock(clock);
  const onRequest = (observation: RequestObservation) => server.observe(observation);
  const client = new KubeClient({ access, clock, userAgent: 'kubectl-rekey', onRequest });
  clients.push(client);
  const log = createLogger({ level: 'warn', now: clock.now, stream: process.stderr });
  const onNameless = (why: string) =>
    terminal.tell(`your name is not recorded with the request, only that kubectl-rekey has made it: ${why}\n`);
  const serverTime = () => server.time()?.earliest ?? clock.now();
  return new Operations({ client, clock, log, namespace: access.namespace, serverTime, onNameless });
}

try {
  const exit = await runCommand(process.argv.slice(2), { terminal, connect });
  process.exitCode ??= exit;
} catch (error) {
  const what = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  guarded(terminal).tell(`failed, which should not be; please report it: ${redactText(what)}\n`);
  process.exitCode = EXIT.failed;
} finally {
  await Promise.all(clients.map((client) => client.close()));
}
