/** Certificates change while calls are under way. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from 'vitest';
import type { ClusterAccess, TlsMaterial } from '../../../src/kube/config.ts';
import { Transport } from '../../../src/kube/http.ts';

it('a certificate that is half written does not take the connections away for good', async () => {
  const server = createServer((_, response) => response.end('{}')).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  let tls: TlsMaterial = {};
  const access = {
    server: new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}`),
    credentials: async () => ({ headers: {}, tls }),
    refresh: () => undefined,
  } as unknown as ClusterAccess;
  const transport = new Transport({ access, userAgent: 'test', connections: 2 });
  const get = async () => {
    const { status, body } = await transport.send({
      ...({ method: 'GET', path: '/', accept: '*/*', signal: AbortSignal.timeout(5_000) } as const),
    });
    await body.dump();
    return status;
  };
  try {
    expect(await get()).toBe(200);
    tls = { cert: '-----BEGIN CERTIFICATE-----\nMII' };
    await expect(get()).rejects.toThrow();
    tls = {};
    expect(await get()).toBe(200);
  } finally {
    await transport.close();
    server.close();
  }
});
