import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { parseFlags } from '../../src/flags.ts';
import { Operator } from '../../src/operator.ts';
import { fakeApi, json, refusal } from './kube/fake-api.ts';
import { SPEC } from './rotation/spec.ts';
import { fakeLog } from './runtime/fake-log.ts';

const resource = {
  metadata: { namespace: 'shop', name: 'jwt', uid: 'u', resourceVersion: '5', generation: 1 },
  spec: SPEC,
};

interface Lease {
  readonly metadata?: object;
  readonly spec?: object;
}

test('an operator whose Lease is lost is not ready while it ends', { timeout: 240_000 }, async () => {
  const held = Promise.withResolvers<void>();
  let isLost = false;
  let lease: Lease | undefined;
  const asked: string[] = [];
  await using api = await fakeApi((request, response) => {
    const { method, path, query, body } = request;
    if (query.has('watch')) return response.writeHead(200).flushHeaders();
    if (path.includes('/leases') && !(method === 'GET' && path.endsWith('/leases'))) {
      if (method === 'GET') {
        const taken = { metadata: { resourceVersion: '2' }, spec: { holderIdentity: 'b', leaseDurationSeconds: 15 } };
        const known = isLost ? taken : lease;
        return (known === undefined ? refusal(404, 'NotFound', '') : json(200, known))(request, response);
      }
      if (isLost) return refusal(409, 'Conflict', '')(request, response);
      const written = JSON.parse(body) as Lease;
      const metadata = { ...lease?.metadata, ...written.metadata, resourceVersion: '1' };
      lease = { ...lease, ...written, metadata, spec: { ...lease?.spec, ...written.spec } };
      return json(200, lease)(request, response);
    }
    if (path.includes('/secrets/')) {
      asked.push(path);
      // a pass is under way until the test ends it
      return void held.promise.then(() => refusal(404, 'NotFound', '')(request, response));
    }
    if (path.endsWith('/jwtkeyrotations'))
      return json(200, { metadata: { resourceVersion: '10' }, items: [resource] })(request, response);
    return json(200, { metadata: { resourceVersion: '10' }, items: [], resources: [] })(request, response);
  });
  const log = fakeLog();
  const stop = new AbortController();
  const ended = new Operator(parseFlags(['--listen', '127.0.0.1:0']), api.access, log).run(stop.signal);
  await expect.poll(() => asked.length, { timeout: 60_000 }).toBeGreaterThan(0);
  const port = log.lines.find(({ message }) => message === 'started')?.fields.port;
  const ready = async () => (await fetch(`http://127.0.0.1:${port}/readyz?verbose`)).text();
  expect(await ready()).toContain('[+]stopping ok');
  // a read ends after ten seconds, as a Lease does that is not renewed: the pass must outlive the Lease
  await sleep(5_000);
  isLost = true;
  await expect
    .poll(() => log.lines.some(({ message }) => message === 'the lease was lost'), { timeout: 30_000 })
    .toBe(true);
  expect(await ready()).toContain('[-]stopping failed');
  held.resolve();
  expect(await ended).toBe(1);
});
