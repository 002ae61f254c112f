/** Of a Secret that was taken over it is not known whether the pods hold its key: they are asked once, at rest. */
import { describe, expect, it } from 'vitest';
import type { PodFacts, Probe } from '../../../../src/rotation/facts.ts';
import { plan } from '../../../../src/rotation/plan/plan.ts';
import { facts, pod, probeOf, SETTLED, STEADY, target } from '../builders.ts';

const REFUSES: Probe = {
  ...probeOf(STEADY, 1, SETTLED),
  answers: new Map(STEADY.keys.map(({ kid }) => [kid, 'refused'])),
};
const SILENT: Probe = { ...probeOf(STEADY, 1, SETTLED), answers: new Map(), random: 'unknown', failures: 1 };
const world = (edit: Partial<PodFacts>, keyset = STEADY, now = SETTLED) =>
  facts(keyset, { now, targets: [target('main', ['Verifier'], { pods: [pod('main-1', edit)] })] });

describe('a pod that stood before the Secret was taken over', () => {
  it('is asked, and not again when it has answered', () => {
    expect(plan(world({})).action).toMatchObject({ type: 'probe', pods: [{ pod: { name: 'main-1' } }] });
    expect(plan(world({ probe: probeOf(STEADY, 1, SETTLED) })).action).toEqual({ type: 'wait' });
    const later = SETTLED + 3_600_000;
    expect(plan(world({ probe: probeOf(STEADY, 1, SETTLED) }, STEADY, later)).action).toEqual({ type: 'wait' });
  });

  it.each([
    [1, 500, undefined],
    [7, 32_000, undefined],
    [8, 64_000, 'CanaryUnanswered'],
    [30, 900_000, 'CanaryUnanswered'],
  ])('is asked again while it is silent, after %i times in %i ms, and told as %s', (failures, pauseMs, reason) => {
    const silent = { ...SILENT, failures, why: 'it answered 403' };
    const waits = plan(world({ probe: silent }));
    expect(waits).toMatchObject({ action: { type: 'wait', until: SETTLED + pauseMs }, phase: 'Steady' });
    expect(waits.blocked?.reason).toBe(reason);
    if (reason !== undefined) expect(waits.blocked?.message).toContain('it answered 403');
    expect(plan(world({ probe: silent }, STEADY, SETTLED + pauseMs)).action.type).toBe('probe');
  });

  it('is told when it refuses the key in use, as long as it does', () => {
    const told = plan(world({ probe: REFUSES }));
    expect(told).toMatchObject({
      action: { type: 'wait', until: SETTLED + 60_000 },
      blocked: { reason: 'CanaryRefused' },
    });
    expect(told.blocked?.message).toContain('whether the Secret was changed after the pod had started');
    const later = plan(world({ probe: REFUSES }, STEADY, SETTLED + 60_000));
    expect(later).toMatchObject({ action: { type: 'probe' }, blocked: { reason: 'CanaryRefused' } });
  });

  it('is told when it accepts a made-up key', () => {
    const probe: Probe = { ...probeOf(STEADY, 1, SETTLED), random: 'accepted' };
    expect(plan(world({ probe })).blocked?.reason).toBe('CanaryVoid');
  });
});
