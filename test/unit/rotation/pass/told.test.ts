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
