/**
 * The process of the whole command line: kubectl finds it as `kubectl rekey`. It acts by the rights of whoever calls it.
 */
import { runCommand } from './cli/cluster-commands.ts';
import type { ConnectOptions } from './cli/connection.ts';
import { runProcess, terminal } from './command-process.ts';
import { KubeClient } from './kube/client.ts';
import { contextsOf, loadKubeConfig } from './kube/config.ts';
import type { RequestObservation } from './kube/requester.ts';
import { Operations } from './rotation/people/operations.ts';
import { systemClock as clock } from './runtime/clock.ts';
import { createLogger } from './runtime/log.ts';
import { ServerClock } from './runtime/server-clock.ts';

const clients: KubeClient[] = [];

async function connect(options: ConnectOptions): Promise<Operations> {
  // one by one: a command may have flags of other names, such as plan --now
  const { kubeconfig, context, namespace, as: user, asUid: uid, asGroup: groups } = options;
  const access = loadKubeConfig({ kubeconfig, context, namespace, impersonate: { user, uid, groups } });
  // somebody may have to log in, which takes longer than a call may
  await access.credentials();
  const server = new ServerClock(clock);
  const onRequest = (observation: RequestObservation) => server.observe(observation);
  const client = new KubeClient({ access, clock, userAgent: 'kubectl-rekey', onRequest });
  clients.push(client);
  const log = createLogger({ level: 'warn', now: clock.now, stream: process.stderr });
  const onNameless = (why: string) =>
    terminal.printErr(`your user name is not recorded with the request, only that kubectl-rekey made it: ${why}\n`);
  const serverTime = () => server.time()?.earliest ?? clock.now();
  return new Operations({ client, clock, log, namespace: access.namespace, serverTime, onNameless });
}

async function contexts({ kubeconfig }: ConnectOptions): Promise<readonly string[]> {
  return contextsOf(kubeconfig);
}

void runProcess(
  () => runCommand(process.argv.slice(2), { terminal, connect, contexts }),
  async () => {
    await Promise.all(clients.map((client) => client.close()));
  },
);
