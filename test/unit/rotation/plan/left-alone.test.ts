/** A run of a CronJob or Job goes on to its end: it is waited for, told of, and never taken away. */
import { describe, expect, it } from 'vitest';
import type { Facts, TargetFacts } from '../../../../src/rotation/facts.ts';
import type { Keyset } from '../../../../src/rotation/keyset/keyset.ts';
import { forecast } from '../../../../src/rotation/plan/forecast.ts';
import { plan } from '../../../../src/rotation/plan/plan.ts';
import { facts, keysetAfter, PROMOTING, SETTLED, services, T0, target, WORKLOAD, WRITES } from '../builders.ts';

const LEFT_ALONE = { ...WORKLOAD, manual: true, leftAlone: true } as const;
const run = { name: 'report-1', uid: 'r', incarnation: 'r/app', terminating: false, ready: true } as const;

/** A target without a canary: what its pods hold is concluded from their start. */
function report(startedAt: number | undefined): TargetFacts {
  const base = target('report', ['Signer']);
  const { canary: _, ...settings } = base.settings;
  const start = { createdAt: startedAt ?? 0, startedAt: startedAt ?? 0, readUpTo: (startedAt ?? 0) - 10_000 };
  const pods = startedAt === undefined ? [] : [{ ...run, ...start }];
  return { settings: { ...settings, kind: 'CronJob' }, workload: LEFT_ALONE, pods };
}
const rotation = { ...WRITES.stage.rotation, trigger: 'Emergency' } as const;
const BURNING = keysetAfter([WRITES.adopt, { transition: 'burn', nonce: 'n', version: 0, rotation }]);

function gone(): TargetFacts {
  const { workload: _, settings, pods } = report(undefined);
  return { settings: { ...settings, kind: 'Job' }, pods };
}

function beside(keyset: Keyset, startedAt: number | undefined, now: number): Facts {
  const targets = [...services(keyset, { main: keyset.version, admin: keyset.version }), report(startedAt)];
  return facts(keyset, { now, targets });
}

describe('a run that started before the write', () => {
  it('is waited for while it may sign with the old key', () => {
    const { action, progress } = plan(beside(PROMOTING, T0 - 60_000, SETTLED));
    expect([action.type, progress]).toEqual(['wait', expect.stringContaining('report-1')]);
  });

  it('is told of once it takes longer than spec.rolloutTimeout', () => {
    const { action, stalled } = plan(beside(PROMOTING, T0 - 60_000, T0 + 700_000));
    expect(action.type).not.toBe('evict');
    expect(stalled).toMatchObject({
      reason: 'JobRunning',
      message: expect.stringContaining('kubectl delete pod report-1 -n NAMESPACE'),
    });
  });

  it('is neither deleted in an emergency nor called dead', () => {
    const decision = plan(beside(BURNING, T0 - 60_000, T0 + 60_000));
    expect(JSON.stringify(decision.action)).not.toContain('report-1');
    expect(decision.stalled).toMatchObject({ reason: 'JobRunning' });
  });
});

describe('no run', () => {
  it.each([
    ['of a CronJob', report(undefined)],
    ['of a Job that is gone', gone()],
  ])('%s holds up a rotation', (_, idle) => {
    const targets = [...services(PROMOTING, { main: 3, admin: 3 }), idle];
    expect(plan(facts(PROMOTING, { targets })).action).toMatchObject({ type: 'write', write: { transition: 'drain' } });
  });

  it('is among what a rotation restarts', () => {
    const { settings, targets, unlistedConsumers } = beside(keysetAfter([WRITES.adopt]), undefined, SETTLED);
    const told = forecast({ settings, targets, unlistedConsumers }, SETTLED);
    expect(told.restarts.find(({ target: name }) => name === 'CronJob/report')?.times).toBe(0);
  });
});
