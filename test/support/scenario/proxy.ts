/**
 * A TCP proxy before the API server that can be cut: TLS passes through it untouched.
 */

import type { AddressInfo } from 'node:net';
import { connect, createServer, type Socket } from 'node:net';
import { readKubeconfig, writeKubeconfig } from '../cluster/kubeconfig.ts';

export interface ApiProxy {
  /** A kubeconfig that leads through the proxy. */
  readonly kubeconfig: string;
  /** Breaks every connection and takes no new one until {@link mend}. */
  cut(): void;
  mend(): void;
  close(): Promise<void>;
}

/** @param kubeconfig whose server is to be reached through the proxy; the new one is written beside it */
export async function startApiProxy(kubeconfig: string): Promise<ApiProxy> {
  const credentials = readKubeconfig(kubeconfig);
  const server = new URL(credentials.url);
  const open = new Set<Socket>();
  let away = false;
  const listener = createServer((client) => {
    if (away) {
      client.destroy();
      return;
    }
    const upstream = connect(Number(server.port), server.hostname);
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      open.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        open.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const { port } = listener.address() as AddressInfo;
  const path = `${kubeconfig}.proxied`;
  writeKubeconfig(path, 'rekey', { ...credentials, url: `https://127.0.0.1:${port}` });
  const breakAll = () => {
    for (const socket of open) socket.destroy();
  };
  return {
    kubeconfig: path,
    cut: () => {
      away = true;
      breakAll();
    },
    mend: () => {
      away = false;
    },
    close: async () => {
      breakAll();
      await new Promise<void>((resolve) => listener.close(() => resolve()));
    },
  };
}
