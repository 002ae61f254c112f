/** What people are told by a pass that writes the Secret. */
import { expect, test } from 'vitest';
import { MiniCluster } from '../../../mutants/cluster.ts';
import { MiniOperator } from '../../../mutants/operator.ts';

test.each([false, true])(
  'a pass that writes the Secret tells how it was before if that is overdue (%s), else the next pass tells',
  async (behind) => {
    await using cluster = await MiniCluster.start();
    const operator = new MiniOperator(cluster);
    operator.behind = behind;
    const told: boolean[] = [];
    for (let passes = 0; passes < 10; passes += 1) {
      operator.status = undefined;
      cluster.changes.splice(0);
      await operator.reconcile(passes < 5 ? {} : { 'rekey.dev/rotate-requested-at': '1' });
      if (cluster.changes.some(({ path }) => path.includes('/secrets/'))) told.push(operator.status !== undefined);
      cluster.now += 1_500;
    }
    // the adoption and the staged key
    expect(told).toEqual([behind, behind]);
    await operator.close();
  },
);

test('after a write the next pass goes before what has not begun, whatever the status says yet', async () => {
  await using cluster = await MiniCluster.start();
  const operator = new MiniOperator(cluster);
  operator.deaf = true;
  const after: (number | undefined)[] = [];
  for (let passes = 0; passes < 12; passes += 1) {
    cluster.changes.splice(0);
    await operator.reconcile(passes < 5 ? {} : { 'rekey.dev/rotate-requested-at': '1' });
    if (cluster.changes.some(({ path }) => path.includes('/secrets/'))) after.push(operator.priority);
    cluster.now += 1_500;
  }
  expect(after).toEqual([2, 2]);
  await operator.close();
});

/** A rotation that has got as far as to restart its services, which take a while. */
async function staging(cluster: MiniCluster): Promise<MiniOperator> {
  const operator = new MiniOperator(cluster);
  for (let passes = 0; operator.status?.phase !== 'Staging'; passes += 1) {
    expect(passes).toBeLessThan(20);
    await operator.reconcile(passes < 5 ? {} : REQUESTED).catch(() => undefined);
    cluster.now += 1_500;
  }
  return operator;
}
const REQUESTED = { 'rekey.dev/rotate-requested-at': '1' };

test('a process that no longer leads tells nothing, whatever it believes', async () => {
  await using cluster = await MiniCluster.start();
  const operator = await staging(cluster);
  operator.told.splice(0);
  // it has stood still for longer than a rollout may take
  cluster.now += 900_000;
  operator.fence = () => {
    throw new Error('NotLeading');
  };
  await expect(operator.reconcile(REQUESTED)).rejects.toThrow('NotLeading');
  expect(operator.told).toEqual([]);
  await operator.close();
});

test('what the caches show is not believed while the watches are silent', async () => {
  await using cluster = await MiniCluster.start();
  const operator = await staging(cluster);
  operator.silent = true;
  // the services restart, and no watch tells it
  for (let passes = 0; passes < 40 && operator.status?.phase === 'Staging'; passes += 1) {
    await operator.reconcile(REQUESTED);
    cluster.now += 30_000;
  }
  expect(operator.told.flatMap(({ stalled }) => stalled ?? [])).toEqual([]);
  expect(operator.status?.phase).not.toBe('Staging');
  await operator.close();
});

test('an emergency waits for no list while the watches are silent', async () => {
  await using cluster = await MiniCluster.start();
  const operator = await staging(cluster);
  operator.silent = true;
  let lists = 0;
  operator.giveWay = async () => {
    lists += 1;
    throw new Error('the API server has no room for a list');
  };
  await operator.reconcile({ 'rekey.dev/emergency': 'n1: leaked' });
  expect(cluster.secret.metadata.annotations?.['rekey.dev/phase']).toBe('Burning');
  expect(lists).toBe(0);
  await operator.close();
});

test('an emergency cuts off the questions to pods that are under way', async () => {
  await using cluster = await MiniCluster.start();
  const operator = new MiniOperator(cluster);
  await operator.reconcile({});
  cluster.now += 600_000;
  let asked = 0;
  cluster.isBusy = () => {
    asked += 1;
    return true;
  };
  const pass = operator.reconcile({});
  // each pod about all keys; it asks again after the three seconds
  await expect.poll(() => asked).toBeGreaterThanOrEqual(8);
  operator.hear({ 'rekey.dev/emergency': 'n1: leaked' });
  await pass;
  expect(asked).toBe(8);
  await operator.close();
});

test('an emergency goes on while the API server does not answer writes of the status', async () => {
  await using cluster = await MiniCluster.start();
  const operator = new MiniOperator(cluster);
  for (let passes = 0; passes < 5; passes += 1) {
    await operator.reconcile({});
    cluster.now += 1_500;
  }
  const answered = Promise.withResolvers<void>();
  operator.stillWriting = answered.promise;
  cluster.changes.splice(0);
  for (let passes = 0; passes < 3; passes += 1) {
    await operator.reconcile({ 'rekey.dev/emergency': 'n1: leaked' });
    cluster.now += 1_500;
  }
  expect(cluster.changes.map(({ method }) => method)).toEqual(expect.arrayContaining(['PATCH', 'DELETE']));
  answered.resolve();
  await operator.close();
});
