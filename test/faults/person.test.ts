import { expect, it } from 'vitest';
import type { JwtKeyRotation } from '../../src/rotation/api/names.ts';
import { plan } from '../../src/rotation/plan/plan.ts';
import { statusOf } from '../../src/rotation/report/status.ts';
import type { Resource } from '../support/scenario/rotation.ts';
import { facts, PROMOTING, pod, probeOf, SETTLE_MS, SETTLED, services } from '../unit/rotation/builders.ts';
import { hasLag, podToDelete } from './person.ts';
import { allPlans } from './plans/all.ts';

const LATE = SETTLED + 1_000;

/** What rekey tells while a pod that started late enough holds a keyset version. */
function told(holds: number, edit: object = {}): Resource {
  const probe = { ...probeOf(PROMOTING, holds, LATE), ...edit };
  const one = pod('main-1', { createdAt: LATE, readUpTo: LATE - SETTLE_MS, templateVersion: 3, probe });
  const [main, ...others] = services(PROMOTING, { main: 3, admin: 3 }, LATE);
  const targets = [...(main === undefined ? [] : [{ ...main, pods: [one] }]), ...others];
  const seen = facts(PROMOTING, { targets, now: LATE });
  const spec = { successfulRotationsHistoryLimit: 3, failedRotationsHistoryLimit: 3 };
  const resource = { metadata: { name: 'jwt', namespace: 'shop' }, spec } as unknown as JwtKeyRotation;
  return { ...resource, status: statusOf(resource, seen, plan(seen)) } as Resource;
}

it.each([
  ['the pod of a node that lags, as rekey names it', told(2), 'main-1'],
  ['none while all is well', told(3), undefined],
  ['none for another reason', told(2, { random: 'accepted' }), undefined],
  ['none before there is a resource', undefined, undefined],
])('a person is asked to delete %s', (_, resource, name) => {
  expect(podToDelete(resource)).toBe(name);
});

it('a person is there in each plan in which nodes lag for longer than they may, and in no other', () => {
  const lagging = allPlans().filter(({ name }) => name.includes('as it was, for 4 s'));
  expect(allPlans().filter(hasLag)).toEqual(lagging);
  expect(lagging.map(({ number }) => number)).toEqual(expect.arrayContaining([3442, 3694, 4749, 12571, 20887]));
});
