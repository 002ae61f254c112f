import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { checkedLookup, isPublicAddress, WebhookClient } from '../../../src/runtime/webhook.ts';

const { signal } = new AbortController();

function client(allowPrivate: boolean): WebhookClient {
  const made = new WebhookClient({ allowPrivate });
  onTestFinished(() => made.close());
  return made;
}

async function serve(status: number, headers: Record<string, string> = {}) {
  let connections = 0;
  const paths: string[] = [];
  const server = createServer((request, response) => {
    paths.push(request.url ?? '');
    response.writeHead(status, headers).end('x'.repeat(200_000));
  });
  server.on('connection', () => {
    connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { port: (server.address() as AddressInfo).port, paths, connections: () => connections };
}

describe('an address', () => {
  it.each([
    ...['0.0.0.0', '10.1.2.3', '100.64.0.1', '127.0.0.1', '169.254.169.254', '172.31.0.1', '192.168.0.1', '198.18.0.1'],
    ...['224.0.0.1', '240.0.0.1', '255.255.255.255', '::', '::1', 'fe80::1', 'fe80::1%eth0', 'fc00::1', 'fd12::1'],
    ...[
      'ff02::1',
      '::ffff:10.0.0.1',
      '::ffff:8.8.8.8',
      '::127.0.0.1',
      '64:ff9b::7f00:1',
      '2001:db8::1',
      '2002:7f00:1::',
    ],
    ...['', 'localhost'],
  ])('%s is not public', (address) => {
    expect(isPublicAddress(address)).toBe(false);
  });

  it.each(['1.1.1.1', '100.63.255.255', '172.32.0.1', '192.169.0.1', '223.255.255.255', '2606:4700::1111'])(
    '%s is public',
    (address) => {
      expect(isPublicAddress(address)).toBe(true);
    },
  );
});

describe('a checked look-up', () => {
  it.each([true, false])('leads to the address that was checked (all addresses asked for: %s)', async (all) => {
    const { port } = await serve(200);
    const checked: string[] = [];
    const lookup = checkedLookup((address) => checked.push(address) > 0);
    const socket = connect({ host: 'localhost', port, lookup, autoSelectFamily: all, family: all ? 0 : 4 });
    await once(socket, 'connect');
    expect(checked).toContain(socket.remoteAddress);
    socket.destroy();
  });

  it('refuses when one of the addresses is bad', async () => {
    const socket = connect({ host: 'localhost', port: 1, lookup: checkedLookup(() => false) });
    const error = await new Promise((resolve) => socket.on('error', resolve));
    expect(error).not.toHaveProperty('code', 'ECONNREFUSED');
  });
});

describe('a webhook', () => {
  it('is not sent to an address that is not public, written out or looked up, and not over http', async () => {
    const { port, connections } = await serve(200);
    const hosts = ['127.0.0.1', 'localhost', '0x7f.1', '[::1]', '[::ffff:127.0.0.1]', '169.254.169.254'];
    for (const host of hosts) {
      const answer = await client(false).post(`https://${host}:${port}/secret`, '{}', signal);
      expect(answer, host).toEqual({ kind: 'Refused', why: 'leads to an address that is not public' });
    }
    const plain = await client(false).post(`http://127.0.0.1:${port}/secret`, '{}', signal);
    expect(plain).toEqual({ kind: 'Refused', why: 'does not begin with https://' });
    expect(connections()).toBe(0);
  });

  it('follows no redirect', async () => {
    const aim = await serve(200);
    const { port } = await serve(307, { location: `http://127.0.0.1:${aim.port}/inside` });
    const answer = await client(true).post(`http://127.0.0.1:${port}/`, '{}', signal);
    expect(answer).toEqual({ kind: 'Answered', status: 307 });
    expect(aim.connections()).toBe(0);
  });

  it('tells what is wrong without a part of the URL', async () => {
    const answers = await Promise.all(
      ['no url', 'https://user:pass@hooks.example', 'http://127.0.0.1:1/T0SECRET', 'http://no.invalid/T0SECRET'].map(
        (url) => client(true).post(url, '{}', signal),
      ),
    );
    expect(answers.map(({ kind }) => kind)).toEqual(['Refused', 'Refused', 'Unreachable', 'Unreachable']);
    expect(JSON.stringify(answers)).not.toMatch(/T0SECRET|invalid|pass@|127\.0/);
  });
});
