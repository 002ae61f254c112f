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

/** Of the ten seconds that a read and a Lease have. */
const HELD_MS = 7_000;

test('an operator whose Lease is lost is not ready while it ends', async () => {
  const held = Promise.withResolvers<void>();
  let isLost = false;
  const asked: string[] = [];
  await using api = await fakeApi((request, response) => {
    const { method, path, query, body } = request;
    if (query.has('watch')) return response.writeHead(200).flushHeaders();
    if (path.endsWith('/leases/rekey') && method === 'GET') {
      const taken = { metadata: { resourceVersion: '2' }, spec: { holderIdentity: 'b', leaseDurationSeconds: 15 } };
      return isLost ? json(200, taken)(request, response) : refusal(404, 'NotFound', '')(request, response);
    }
    if (path.includes('/leases')) {
      if (isLost) return refusal(409, 'Conflict', '')(request, response);
      return json(200, JSON.parse(body))(request, response);
    }
    if (path.includes('/secrets/')) {
      asked.push(path);
      // a pass is under way until the test ends it. A read and the Lease have the same time limit, and must not end together
      const later = sleep(HELD_MS).then(() => refusal(500, 'InternalError', '')(request, response));
      const freed = held.promise.then(() => refusal(404, 'NotFound', '')(request, response));
      return void Promise.race([later, freed]).catch(() => undefined);
    }
    if (path.endsWith('/jwtkeyrotations'))
      return json(200, { metadata: { resourceVersion: '10' }, items: [resource] })(request, response);
    return json(200, { metadata: { resourceVersion: '10' }, items: [], resources: [] })(request, response);
  });
  const log = fakeLog();
  const stop = new AbortController();
  const ended = new Operator(parseFlags(['--listen', '127.0.0.1:0']), api.access, log).run(stop.signal);
  await expect.poll(() => asked.length, { timeout: 10_000 }).toBeGreaterThan(0);
  const port = log.lines.find(({ message }) => message === 'started')?.fields.port;
  const ready = async () => (await fetch(`http://127.0.0.1:${port}/readyz?verbose`)).text();
  expect(await ready()).toContain('[+]stopping ok');
  isLost = true;
  await expect
    .poll(() => log.lines.some(({ message }) => message === 'the lease was lost'), { timeout: 30_000 })
    .toBe(true);
  expect(await ready()).toContain('[-]stopping failed');
  held.resolve();
  expect(await ended).toBe(1);
});
