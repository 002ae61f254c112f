/** Who leads, by what the Lease tells: the time at which the API server took the last renewal counts. */
import { describe, expect, it } from 'vitest';
import type { Lease } from '../../../src/kube/types.ts';
import { leadershipOf, leaseOf } from '../../../src/rotation/leadership.ts';
import type { JwtKeyRotation } from '../../../src/rotation/names.ts';

const T0 = Date.UTC(2026, 0, 1);
const iso = (at: number) => new Date(at).toISOString();

function lease(spec: Lease['spec'], takenAt?: number): Lease {
  const managedFields = takenAt === undefined ? [] : [{ manager: 'rekey', time: iso(takenAt) }];
  return { metadata: { name: 'rekey', managedFields }, ...(spec && { spec }) };
}

describe('a Lease', () => {
  it('that is renewed has a leader, until it has run out by the time of the API server', () => {
    const held = lease({ holderIdentity: 'a', leaseDurationSeconds: 15, renewTime: iso(T0) });
    expect(leadershipOf(held, T0 + 14_999)).toEqual({ kind: 'Led', holder: 'a' });
    expect(leadershipOf(held, T0 + 15_000)).toEqual({ kind: 'Nobody', since: T0 + 15_000 });
  });

  it.each([-300_000, 300_000])('is not judged by the clock of its holder, which is off by %i ms', (skewMs) => {
    const held = lease({ holderIdentity: 'a', leaseDurationSeconds: 15, renewTime: iso(T0 + skewMs) }, T0);
    expect(leadershipOf(held, T0 + 14_999).kind).toBe('Led');
    expect(leadershipOf(held, T0 + 15_000).kind).toBe('Nobody');
  });

  it('that was given back has no leader since then, and one that nobody has held has none', () => {
    expect(leadershipOf(lease({ holderIdentity: '', renewTime: iso(T0) }), T0)).toEqual({ kind: 'Nobody', since: T0 });
    expect(leadershipOf(lease(undefined), T0)).toEqual({ kind: 'Nobody' });
  });

  it('that does not say when it was renewed tells nothing', () => {
    expect(leadershipOf(lease({ holderIdentity: 'a' }), T0).kind).toBe('Unknown');
  });

  it('is that which the status names, else the usual one', () => {
    const of = (status: object) => leaseOf({ status } as unknown as JwtKeyRotation);
    expect(of({ operator: { lease: 'tools/rekey' } })).toEqual({ namespace: 'tools', name: 'rekey' });
    expect(of({})).toEqual({ namespace: 'rekey-system', name: 'rekey' });
  });
});
