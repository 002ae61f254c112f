import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

/**
 * Asks the kernel for free TCP ports. They are all held at once and then let
 * go, so they differ; but somebody else may take one before it is used: the
 * caller starts again with other ports when a bind fails.
 */
export async function freePorts(count: number, host = '127.0.0.1'): Promise<number[]> {
  const servers = await Promise.all(
    Array.from({ length: count }, async () => {
      const server = createServer().listen(0, host);
      await once(server, 'listening');
      return server;
    }),
  );
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}
