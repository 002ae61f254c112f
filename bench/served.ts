/** Services that run within the node's own process: a hundred pods need no hundred processes. */
import { createServer, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { readKeyring } from '../keyring/node/src/index.ts';
import { joseTokens } from '../keyring/node/src/jose.ts';
import type { Exit } from '../test/support/cluster/processes.ts';
import type { Image, RunningContainer } from '../test/support/node/image.ts';

export const SERVED = 'rekey.dev/bench-served';

/** Where it verifies, and where it says whether it is ready. */
export const PATHS = { verify: '/auth/verify', ready: '/healthz' };
export const PORT = 8000;

/**
 * A service that knows the keys that its environment had at its start.
 * @param readyAfterMs from its start until it says that it is ready
 */
export function servedImage(readyAfterMs: number): Image {
  return { command: [], cwd: '/', serve: (env) => serve(env, readyAfterMs) };
}

async function serve(env: Readonly<Record<string, string>>, readyAfterMs: number): Promise<RunningContainer> {
  const keyring = readKeyring(env, { algorithm: 'HS256' });
  const tokens = joseTokens(() => keyring, {});
  const readyAt = Date.now() + readyAfterMs;
  const verdict = ({ headers }: IncomingMessage): Promise<number> =>
    tokens.verify(headers.authorization?.replace(/^Bearer /, '') ?? '').then(
      () => 200,
      () => 401,
    );
  const server = createServer((request, response) => {
    const answer = (status: number): void => void response.writeHead(status).end();
    if (request.url === PATHS.verify) void verdict(request).then(answer);
    else answer(Date.now() < readyAt ? 503 : 200);
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(PORT, env.POD_IP, resolve);
  });
  let end: (exit: Exit) => void = () => {};
  const exited = new Promise<Exit>((resolve) => {
    end = resolve;
  });
  const signal = (name: NodeJS.Signals): void => {
    server.close();
    server.closeAllConnections();
    end(name === 'SIGKILL' ? { code: null, signal: name } : { code: 0, signal: null });
  };
  const stop = async (): Promise<void> => {
    signal('SIGTERM');
    await sleep(0);
  };
  return { exited, signal, stop };
}
