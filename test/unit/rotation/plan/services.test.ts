/** What the planner does about services and workloads that are not as it would have them. */
import { describe, expect, it } from 'vitest';
import type { TargetFacts } from '../../../../src/rotation/facts.ts';
import { plan } from '../../../../src/rotation/plan/plan.ts';
import {
  facts,
  keysetAfter,
  PROMOTING,
  pod,
  probeOf,
  RETIRING,
  STAGING,
  STEADY,
  services,
  T0,
  WRITES,
} from '../builders.ts';
import { asked, asks, decide, edited } from '../deeds.ts';

describe('a canary that every pod refuses', () => {
  const refuse = (keyset: typeof STAGING, targets: readonly TargetFacts[]) =>
    targets.map((item) => ({
      ...item,
      pods: item.pods.map((one) => ({
        ...one,
        probe: one.probe && {
          ...one.probe,
          answers: new Map([...probeOf(keyset, 1).answers].map(([kid]) => [kid, 'refused'] as const)),
        },
      })),
    })) as readonly TargetFacts[];
  const rows: readonly (readonly [string, typeof STAGING])[] = [
    ['Staging', STAGING],
    ['Promoting', PROMOTING],
    ['Retiring', RETIRING],
  ];
  it.each(rows)('tells of the canary and not of the pods: nobody is evicted in %s', (_, keyset) => {
    const targets = refuse(keyset, services(keyset, { main: keyset.version, admin: keyset.version }));
    const { action, stalled } = plan(facts(keyset, { targets }));
    expect([action.type, stalled?.reason]).toEqual(['wait', 'CanaryRefused']);
  });
});

describe('a workload that does not replace its pods by itself', () => {
  const manual = (holds: number, edit: Partial<TargetFacts> = {}) =>
    edited(
      services(STAGING, { main: 2, admin: holds }),
      'admin',
      (item) =>
        ({
          ...item,
          workload: item.workload && { ...item.workload, manual: true, templateVersion: 1 },
          pods: [0, 1].map((i) => pod(`admin-${i}`, { templateVersion: 1, probe: probeOf(STAGING, holds) })),
          ...edit,
        }) as TargetFacts,
    );
  const acked = (targets: readonly TargetFacts[]) => edited(targets, 'autoscraper', (item) => ({ ...item, pods: [] }));

  it('is not stamped: its old pods are evicted one after the other', () => {
    expect(decide(facts(STAGING, { targets: acked(manual(1)) }))).toBe('evict admin-0');
  });

  it('is waited for while one of its pods is away', () => {
    const targets = edited(acked(manual(1)), 'admin', (item) => ({
      ...item,
      pods: item.pods.map((one, i) => ({ ...one, ready: i === 0 })),
    }));
    expect(decide(facts(STAGING, { targets }))).toBe('evict admin-1');
    const two = edited(targets, 'admin', (item) => ({
      ...item,
      pods: item.pods.map((one) => ({ ...one, terminating: one.name === 'admin-1' })),
    }));
    expect(decide(facts(STAGING, { targets: two }))).toBe('wait');
  });

  it('is done when every pod has the keyset, whatever its template says', () => {
    expect(decide(facts(STAGING, { targets: acked(manual(2)) }))).toBe('write promote');
  });

  it('needs a canary', () => {
    const targets = edited(manual(2), 'admin', (item) => ({
      ...item,
      settings: { kind: 'StatefulSet', source: 'Env', name: 'admin', roles: ['Verifier'] },
    }));
    expect(plan(facts(STEADY, { targets })).blocked?.reason).toBe('CanaryMissing');
  });
});

describe('a service that cannot hold two keys', () => {
  const unfit = (pods: number) =>
    edited(services(STAGING, { main: 2, admin: 2 }), 'admin', (item) => ({
      ...item,
      pods: Array.from({ length: pods }, (_, i) =>
        pod(`admin-${i}`, { templateVersion: 2, startedAt: T0, probe: probeOf(STAGING, 1) }),
      ),
    }));

  it('is told from a stale Secret by one pod that starts when the write has spread', () => {
    const at = (now: number, pods: number) => decide(facts(STAGING, { targets: unfit(pods), now }));
    expect([at(T0 + 9_999, 1), at(T0 + 9_999, 3)]).toEqual(['wait', 'wait']);
    expect([at(T0 + 10_000, 1), at(T0 + 10_000, 3)]).toEqual(['evict admin-0', 'evict admin-0']);
  });

  it('is found at stage, and the rotation aborts', () => {
    const restarted = edited(unfit(3), 'admin', (item) => ({
      ...item,
      pods: item.pods.map((one, i) => (i === 0 ? { ...one, createdAt: T0 + 10_000, readUpTo: T0 } : one)),
    }));
    const { action } = plan(facts(STAGING, { targets: restarted, now: T0 + 11_000 }));
    expect(action).toMatchObject({
      type: 'write',
      write: {
        transition: 'abort',
        failure: { reason: 'SingleKeyService', message: expect.stringContaining('--settle-delay (10s)') },
      },
    });
  });

  it('is replaced where it serves least: first a pod that is not ready, and none while another is away', () => {
    const weak = edited(unfit(2), 'admin', (item) => ({
      ...item,
      pods: item.pods.map((one, i) => (i === 1 ? { ...one, ready: false } : one)),
    }));
    expect(decide(facts(STAGING, { targets: weak, now: T0 + 10_000 }))).toBe('evict admin-1');
    const away = edited(weak, 'admin', (item) => ({
      ...item,
      pods: item.pods.map((one, i) => (i === 1 ? { ...one, terminating: true } : one)),
    }));
    expect(decide(facts(STAGING, { targets: away, now: T0 + 10_000 }))).toBe('wait');
  });

  it('after abort the verifiers restart, and the end is awaited without an answer', () => {
    const failure = { reason: 'SingleKeyService', message: '' };
    const keyset = keysetAfter([
      WRITES.adopt,
      WRITES.stage,
      { transition: 'abort', acked: { Signer: 0, Verifier: 0 }, failure, handled: {} },
    ]);
    expect(decide(facts(keyset, { targets: services(keyset, { main: 2, admin: 2 }) }))).toBe(
      'bump main,autoscraper,admin',
    );
    expect(decide(facts(keyset, { targets: asks(services(keyset, { main: 3, admin: 3 })) }))).toBe('write finish');
  });

  it('a failed scheduled rotation is not tried again at once, a requested one is', () => {
    const failed = { ...STEADY, attempts: { since: T0, failures: 1, failedAt: T0 } };
    const due = { since: T0, nextRuns: [] };
    expect(plan(facts(failed, { due })).blocked?.reason).toBe('BackingOff');
    expect(
      decide(
        facts(failed, { due, now: T0 + 3_600_000, targets: services(failed, { main: 1, admin: 1 }, T0 + 3_600_000) }),
      ),
    ).toBe('write stage');
    expect(decide(facts(failed, { requests: asked }))).toBe('write stage');
  });
});
