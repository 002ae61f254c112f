/** How soon something refused is tried again when people change the resource. */
import { expect, test } from 'vitest';
import { MiniCluster } from '../../../mutants/cluster.ts';
import { MiniOperator } from '../../../mutants/operator.ts';

test('a refused write is tried at each change of the resource, five times in a row and no more', async () => {
  await using cluster = await MiniCluster.start();
  const operator = new MiniOperator(cluster);
  cluster.onChange = ({ path }) => (path.includes('/secrets/') ? 'refused' : 'none');
  for (let change = 0; change < 20; change += 1) {
    await operator.reconcile({ 'rekey.dev/rotate-requested-at': String(change) }).catch(() => undefined);
    cluster.now += 100;
  }
  expect(cluster.changes.filter(({ path }) => path.includes('/secrets/'))).toHaveLength(6);
  await operator.close();
});
