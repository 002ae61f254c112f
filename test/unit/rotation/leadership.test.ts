/** Who leads, by what the Lease tells: the time at which the API server took the last renewal counts. */
import { describe, expect, it } from 'vitest';
import type { KubeClient } from '../../../src/kube/client.ts';
import { KubeError, type KubeErrorCode } from '../../../src/kube/errors.ts';
import type { Lease } from '../../../src/kube/types.ts';
import type { JwtKeyRotation } from '../../../src/rotation/api/names.ts';
import { type Leadership, leadershipOf, leaseName, readLeadership } from '../../../src/rotation/people/leadership.ts';

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

  it('whose holder asks for years has a leader for a minute, as for the operators', () => {
    const held = lease({ holderIdentity: 'a', leaseDurationSeconds: 2_147_483_647, renewTime: iso(T0) });
    expect(leadershipOf(held, T0 + 59_999).kind).toBe('Led');
    expect(leadershipOf(held, T0 + 60_000)).toEqual({ kind: 'Nobody', since: T0 + 60_000 });
  });

  it('that does not say when it was renewed tells nothing', () => {
    expect(leadershipOf(lease({ holderIdentity: 'a' }), T0).kind).toBe('Unknown');
  });

  it('is that which the status names, else the usual one', () => {
    const of = (status: object) => leaseName({ status } as unknown as JwtKeyRotation);
    expect(of({ operator: { lease: 'tools/rekey' } })).toBe('tools/rekey');
    expect(of({})).toBe('rekey-system/rekey');
  });

  it.each<[string, KubeErrorCode, object, Leadership['kind']]>([
    ['that is gone tells that nobody leads', 'NotFound', { operator: { lease: 'tools/rekey' } }, 'Nobody'],
    ['of which nobody has told tells nothing where it is not there', 'NotFound', {}, 'Unknown'],
    ['that may not be read tells nothing', 'Forbidden', { operator: { lease: 'tools/rekey' } }, 'Unknown'],
    ['tells nothing of an operator without leader election', 'NotFound', { operator: {} }, 'Unknown'],
  ])('%s', async (_, code, status, kind) => {
    const get = async () => {
      throw new KubeError({ verb: 'get', resource: 'leases', code });
    };
    const resource = { status } as unknown as JwtKeyRotation;
    expect((await readLeadership({ get } as unknown as KubeClient, resource, () => T0)).kind).toBe(kind);
  });
});
