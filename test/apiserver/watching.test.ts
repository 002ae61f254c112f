/** More resources than Secrets may be watched: what is found all the same, and how many calls and passes a rotation takes. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { countCalls, sumOf } from '../support/scenario/audit.ts';
import { installOperator, letIn, OPERATOR_USER, operatorKubeconfig } from '../support/scenario/install.ts';
import type { OperatorProcess } from '../support/scenario/operator.ts';
import { openPlace, type Place } from '../support/scenario/place.ts';
import {
  conditionOf,
  goOn,
  RESTS_STAGED,
  type Resource,
  requestRotation,
  waitForPhase,
  waitUntilDone,
  waitUntilReady,
} from '../support/scenario/rotation.ts';
import { emptyDeployment, rotationName, rotationOf, secretName, targetName } from '../support/scenario/single.ts';
import { until } from '../support/scenario/until.ts';

const cluster = inject('cluster');
const TIMES = { maxTokenTTL: '1s', clockSkew: '1s', retire: { slack: '1s' } };
const WRITES = ['create', 'update', 'patch', 'delete'];
const READS = ['get', 'list', 'watch'];
/** They share the namespace with the resource that is counted, and rest. */
const NEIGHBOURS = 12;

async function openFleet(name: string, ids: readonly string[]): Promise<{ place: Place; operator: OperatorProcess }> {
  const place = await openPlace(cluster, name);
  const { api, namespace } = place;
  await installOperator(api);
  await letIn(api, namespace, ...ids.map(secretName));
  const dir = join(cluster.dir, `${namespace}-rights`);
  mkdirSync(dir);
  const kubeconfig = await operatorKubeconfig(api, join(dir, 'operator.kubeconfig'));
  return { place, operator: await place.operator({ kubeconfig, flags: ['--max-secret-watches', '1'] }) };
}

/** Without pods, so that what is counted does not depend on when they start. */
async function makeEmpty({ api, namespace }: Place, id: string, targets: readonly string[], spec: object = {}) {
  for (const target of targets) await api.create(emptyDeployment(namespace, target, id));
  const edit = { ...TIMES, targets: targets.map((target) => ({ kind: 'Deployment', name: target })), ...spec };
  await api.create(rotationOf(namespace, rotationName(id), id, edit));
  await waitUntilReady(api, namespace, rotationName(id));
}

const passesOf = async (operator: OperatorProcess) => {
  const lines = (await operator.metrics())
    .split('\n')
    .filter((line) => /^controller_runtime_reconcile_total/.test(line));
  return lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
};
const watchesOf = async (operator: OperatorProcess) =>
  Number(/^rekey_secret_watches (\d+)$/m.exec(await operator.metrics())?.[1]);

/** Without a look at the Secret, whose annotations a test may have spoilt. */
const untilTold = ({ api, namespace }: Place, id: string, reason: string) =>
  until(`${reason} is told`, async () => {
    const resource = await api.get<Resource>({ kind: 'JwtKeyRotation', namespace, name: rotationName(id) });
    return conditionOf(resource, 'Degraded')?.reason === reason;
  });
/** An event that asks for nothing. */
const touch = ({ api, namespace }: Place, id: string) => {
  const labels = { touched: String(Date.now()) };
  return api.patch({ kind: 'JwtKeyRotation', namespace, name: rotationName(id) }, { metadata: { labels } });
};

describe('with more resources than Secrets may be watched', () => {
  let place: Place;
  let operator: OperatorProcess;
  beforeAll(async () => {
    ({ place, operator } = await openFleet('watching', ['a', 'b']));
    await makeEmpty(place, 'a', [targetName('a')]);
    await makeEmpty(place, 'b', [targetName('b')], RESTS_STAGED);
  });
  afterAll(() => place.close());

  it('a Secret at rest has no watch, and a change of it is found at the next event of its resource', async () => {
    const { api, namespace } = place;
    // it was watched as long as it was the only one
    await touch(place, 'a');
    await until('nothing is watched', async () => (await watchesOf(operator)) === 0);
    const secret = { kind: 'Secret', namespace, name: secretName('a') };
    await api.patch(secret, { metadata: { annotations: { 'rekey.dev/phase': 'Burning' } } });
    await touch(place, 'a');
    await untilTold(place, 'a', 'StateUnreadable');
    // what is blocked is watched: who mends it is heard at once
    await until('it is watched', async () => (await watchesOf(operator)) === 1);
    await api.patch(secret, { metadata: { annotations: { 'rekey.dev/phase': 'Steady' } } });
    await waitUntilReady(api, namespace, rotationName('a'));
    await until('nothing is watched again', async () => (await watchesOf(operator)) === 0);
  });

  it('a Secret is watched while its rotation rests, and a change of it is found at once', async () => {
    const { api, namespace, name } = place.at('b');
    await requestRotation(api, namespace, name);
    await waitForPhase(api, namespace, name, 'Staged');
    await until('it is watched', async () => (await watchesOf(operator)) === 1);
    const secret = { kind: 'Secret', namespace, name: secretName('b') };
    await api.patch(secret, { metadata: { annotations: { 'rekey.dev/phase': 'Burning' } } });
    await untilTold(place, 'b', 'StateUnreadable');
    await api.patch(secret, { metadata: { annotations: { 'rekey.dev/phase': 'Staging' } } });
    await goOn(api, namespace, name, '1s');
    await waitUntilReady(api, namespace, name);
    await until('nothing is watched again', async () => (await watchesOf(operator)) === 0);
  });
});

describe.each([
  ['one target', ['one']],
  ['three targets', ['one', 'two', 'three']],
])('a rotation of %s beside resting neighbours', (label, targets) => {
  it('takes so many calls and passes, and no more', async () => {
    const others = Array.from({ length: NEIGHBOURS }, (_, i) => `neighbour-${i}`);
    const { place, operator } = await openFleet(`counts-${targets.length}`, ['counted', ...others]);
    const { api, namespace } = place;
    for (const id of others) await makeEmpty(place, id, [targetName(id)]);
    await makeEmpty(place, 'counted', targets);
    const [since, passes] = [Date.now(), await passesOf(operator)];
    const requestedAt = await requestRotation(api, namespace, rotationName('counted'));
    await waitUntilDone(api, namespace, rotationName('counted'), { requestedAt });
    const calls = countCalls(cluster.auditLogPath, { user: OPERATOR_USER, namespace, since }).filter(
      ({ resource }) => resource !== 'leases',
    );
    const numberOf = (verbs: readonly string[], ...resources: readonly string[]) =>
      sumOf(
        calls.filter(({ verb }) => verbs.includes(verb)),
        ...resources,
      );
    const told = `${label}: ${JSON.stringify(calls.map(({ verb, resource, count }) => `${count} ${verb} ${resource}`))}`;
    expect.soft(numberOf(WRITES, 'secrets'), told).toBe(5);
    expect.soft(numberOf(WRITES, 'configmaps'), told).toBeLessThanOrEqual(4);
    expect.soft(numberOf(WRITES, 'events'), told).toBeLessThanOrEqual(6);
    expect.soft(numberOf(WRITES), told).toBeLessThanOrEqual(22);
    // before each of five writes the world is read from the API server, in eight reads, and once more where a cache lags behind; each
    // neighbour may look at its own Secret once meanwhile
    expect.soft(numberOf(READS), told).toBeLessThanOrEqual(6 * 8 + 10 + NEIGHBOURS);
    // were all woken by each change, there would be several for each neighbour
    expect.soft((await passesOf(operator)) - passes, told).toBeLessThanOrEqual(16 + NEIGHBOURS);
    await place.close();
  });
});
