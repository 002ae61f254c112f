import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

/** Below the ports that kernels give to outgoing connections (Linux: from 32768), which come and go by the hundred under tests. */
const [LOWEST, HIGHEST] = [10_000, 32_000];
const MOST_TRIES = 100;

/**
 * Chooses free TCP ports. They are all held at once and then let go, so they differ; but somebody else may take one before it is used:
 * the caller starts again with other ports when a bind fails, or accepts that one in ten thousand does.
 * @throws Error when none of a hundred ports is free
 */
export async function freePorts(count: number, host = '127.0.0.1'): Promise<number[]> {
  const held: { readonly port: number; readonly server: Server }[] = [];
  for (let tries = 0; held.length < count; tries += 1) {
    if (tries >= count * MOST_TRIES) throw new Error(`no free port on ${host} among ${tries}`);
    const port = randomInt(LOWEST, HIGHEST);
    const server = await listening(port, host);
    if (server !== undefined) held.push({ port, server });
  }
  await Promise.all(held.map(({ server }) => new Promise((resolve) => server.close(resolve))));
  return held.map(({ port }) => port);
}

async function listening(port: number, host: string): Promise<Server | undefined> {
  const server = createServer().listen(port, host);
  try {
    await once(server, 'listening');
    return server;
  } catch {
    return undefined;
  }
}
