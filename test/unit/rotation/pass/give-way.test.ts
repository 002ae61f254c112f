/** A pass under way lets an emergency of another resource go first. */
import { expect, test } from 'vitest';
import { MiniCluster, NAMESPACE } from '../../../mutants/cluster.ts';
import { MiniOperator } from '../../../mutants/operator.ts';

test('a pass gives way before it reads what a write depends on, so that nothing of that is older than its turn', async () => {
  await using cluster = await MiniCluster.start();
  const operator = new MiniOperator(cluster);
  const asked = Promise.withResolvers<string>();
  const turn = Promise.withResolvers<void>();
  operator.giveWay = (key) => {
    asked.resolve(key);
    return turn.promise;
  };
  let pass: Promise<void> = Promise.resolve();
  for (let passes = 0, isAsked = false; passes < 10 && !isAsked; passes += 1) {
    cluster.reads.splice(0);
    cluster.changes.splice(0);
    // what stands there at adoption counts as served
    pass = operator.reconcile(passes < 5 ? {} : { 'rekey.dev/rotate-requested-at': '1' });
    isAsked = await Promise.race([pass.then(() => false), asked.promise.then(() => true)]);
    cluster.now += 1_500;
  }
  expect(await Promise.race([asked.promise, 'nothing'])).toBe(`${NAMESPACE}/keys`);
  expect(cluster.reads.filter((path) => !path.includes('/secrets/'))).toEqual([]);
  expect(cluster.changes).toEqual([]);
  cluster.reads.splice(0);
  turn.resolve();
  await pass;
  const kinds = cluster.reads.map((path) =>
    path.split('/').slice(-2)[0] === 'secrets' ? 'secret' : path.split('/').at(-1),
  );
  expect(kinds).toEqual(expect.arrayContaining(['secret', 'pods', 'deployments']));
  expect(cluster.changes.map(({ method }) => method)).toEqual(['PATCH']);
  await operator.close();
});
