import { expect, it } from 'vitest';
import type { JwtKeyRotation } from '../../src/rotation/api/names.ts';
import type { Facts } from '../../src/rotation/facts.ts';
import { EMPTY_LEDGER } from '../../src/rotation/keyset/ledger.ts';
import { plan } from '../../src/rotation/plan/plan.ts';
import { statusOf } from '../../src/rotation/report/status.ts';
import type { Resource } from '../support/scenario/rotation.ts';
import {
  afterForeign,
  DONE,
  facts,
  foreignTime,
  PROMOTING,
  pod,
  probeOf,
  SETTLE_MS,
  SETTLED,
  services,
  T0,
} from '../unit/rotation/builders.ts';
import { hasLag, podsToDelete, podsToRestart } from './person.ts';
import { allPlans } from './plans/all.ts';

const LATE = SETTLED + 1_000;

function statusAt(seen: Facts): Resource {
  const spec = { successfulRotationsHistoryLimit: 3, failedRotationsHistoryLimit: 3 };
  const resource = { metadata: { name: 'jwt', namespace: 'shop' }, spec } as unknown as JwtKeyRotation;
  return { ...resource, status: statusOf(resource, seen, plan(seen)) } as Resource;
}

/** What rekey tells while a pod that started late enough holds a keyset version. */
function told(holds: number, edit: object = {}): Resource {
  const probe = { ...probeOf(PROMOTING, holds, LATE), ...edit };
  const one = pod('main-1', { createdAt: LATE, readUpTo: LATE - SETTLE_MS, templateVersion: 3, probe });
  const [main, ...others] = services(PROMOTING, { main: 3, admin: 3 }, LATE);
  const targets = [...(main === undefined ? [] : [{ ...main, pods: [one] }]), ...others];
  return statusAt(facts(PROMOTING, { targets, now: LATE }));
}

it.each([
  ['the pod of a node that lags, as rekey names it', told(2), ['main-1']],
  ['none while all is well', told(3), []],
  ['none for another reason', told(2, { random: 'accepted' }), []],
  ['none before there is a resource', undefined, []],
])('a person is asked to delete %s', (_, resource, names) => {
  expect(podsToDelete(resource)).toEqual(names);
});

it('a person is asked to restart the pods that may have read a strange key, as rekey names them, and no others', () => {
  const foreign = [foreignTime(DONE, T0 - 2_000, T0 + 1)];
  const seen = (now: number, times = foreign) => {
    const targets = services(DONE, { main: DONE.version, admin: DONE.version }).map((one) => {
      return { ...one, pods: one.pods.map((each) => afterForeign(each, times, now)) };
    });
    return facts(DONE, { now, targets, ledger: { ...EMPTY_LEDGER, foreign: times } });
  };
  expect(podsToRestart(statusAt(seen(T0 + 600_000)))).toEqual(['main-1', 'autoscraper-1', 'admin-1']);
  expect(podsToRestart(statusAt(seen(T0 + 600_000, [])))).toEqual([]);
  expect(podsToRestart(statusAt(seen(LATE)))).toEqual([]);
});

it('a person is there in each plan in which nodes lag for longer than they may, and in no other', () => {
  const lagging = allPlans().filter(({ name }) => name.includes('as it was, for 4 s'));
  expect(allPlans().filter(hasLag)).toEqual(lagging);
  expect(lagging.map(({ number }) => number)).toEqual(expect.arrayContaining([3442, 3694, 4749, 12571, 20887]));
});
