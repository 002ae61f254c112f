/**
 * The command line's process: kubectl finds it as `kubectl rekey`. It acts by the rights of whoever calls it.
 */
import { once } from 'node:events';
import { createInterface } from 'node:readline/promises';
import { runCommand } from './cli/program.ts';
import type { Terminal } from './cli/terminal.ts';
import { KubeClient } from './kube/client.ts';
import { KubeConfigError, loadKubeConfig } from './kube/config.ts';
import { isKubeError } from './kube/errors.ts';
import { GoneError, Operations } from './rotation/operations.ts';
import { systemClock as clock } from './runtime/clock.ts';
import { createLogger } from './runtime/log.ts';

const terminal: Terminal = {
  print: (text) => process.stdout.write(text),
  tell: (text) => process.stderr.write(text),
  clear: () => void (process.stdout.isTTY && process.stdout.write('\u001b[2J\u001b[H')),
  interactive: process.stdin.isTTY === true,
  question: async (text) => {
    const lines = createInterface({ input: process.stdin, output: process.stderr });
    try {
      // Ctrl-C and Ctrl-D are answers too
      const closed = once(lines, 'close').then(() => '');
      return await Promise.race([lines.question(text), closed]);
    } finally {
      lines.close();
    }
  },
  now: clock.now,
};

// whoever reads the results may have seen enough
process.stdout.on('error', () => process.exit());

const clients: KubeClient[] = [];

function connect(options: { readonly kubeconfig?: string; readonly context?: string; readonly namespace?: string }) {
  const access = loadKubeConfig(options);
  const client = new KubeClient({ access, clock, userAgent: 'kubectl-rekey' });
  clients.push(client);
  const log = createLogger({ level: 'warn', now: clock.now, stream: process.stderr });
  return new Operations({ client, clock, log, namespace: access.namespace });
}

try {
  process.exitCode = await runCommand(process.argv.slice(2), { terminal, connect });
} catch (error) {
  const known = isKubeError(error) || error instanceof KubeConfigError || error instanceof GoneError;
  if (!known) throw error;
  terminal.tell(`${error.message}\n`);
  process.exitCode = 1;
} finally {
  await Promise.all(clients.map((client) => client.close()));
}
