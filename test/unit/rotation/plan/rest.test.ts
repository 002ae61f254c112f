/** What stands in the way is told as long as it does, and where nothing is known nothing is disturbed. */
import { describe, expect, it } from 'vitest';
import { type Refusal, refusedAgain } from '../../../../src/rotation/api/refusal.ts';
import type { Facts, PodFacts, Probe, TargetFacts } from '../../../../src/rotation/facts.ts';
import type { Keyset } from '../../../../src/rotation/keyset/keyset.ts';
import type { Write } from '../../../../src/rotation/keyset/writes.ts';
import { Memory } from '../../../../src/rotation/pass/memory.ts';
import { plan } from '../../../../src/rotation/plan/plan.ts';
import { facts, keysetAfter, PROMOTING, pod, probeOf, RETIRING, services, T0, WRITES } from '../builders.ts';

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const burn: Write = {
  transition: 'burn',
  nonce: '1',
  rotation: { ...WRITES.stage.rotation, trigger: 'Emergency' },
  version: 0,
};
const BURNING = keysetAfter([WRITES.adopt, WRITES.stage, burn]);

function worldOf(keyset: Keyset, pods: readonly PodFacts[], now: number, canary = true): Facts {
  const edit = (target: TargetFacts): TargetFacts => {
    if (target.settings.name !== 'main') return target;
    const { canary: _, ...blind } = target.settings;
    return { ...target, pods, ...(!canary && { settings: blind }) };
  };
  const targets = services(keyset, { main: keyset.version, admin: keyset.version }, now).map(edit);
  return facts(keyset, { targets, now });
}

const asked = (probe: Probe, at: number): Probe => ({ ...probe, at, askedAt: at });

describe('what stands in the way', () => {
  it('is told while a pod is asked once more', () => {
    const probe: Probe = {
      ...probeOf(RETIRING, 4),
      answers: new Map([
        ['B', 'accepted'],
        ['N4', 'accepted'],
        ['A', 'accepted'],
      ]),
    };
    const now = T0 + HOUR;
    for (const age of [0, 61 * SECOND]) {
      const startedAt = T0 + 20 * SECOND;
      const one = pod('main-1', { startedAt, templateVersion: 4, probe: asked(probe, now - age) });
      const { action, stalled } = plan(worldOf(RETIRING, [one], now));
      expect([action.type, stalled?.reason]).toEqual([age === 0 ? 'wait' : 'probe', 'KeyStillAccepted']);
    }
  });

  it('is not told of pods that nobody has asked yet, as after a start of the operator', () => {
    const one = pod('main-1', { startedAt: T0, templateVersion: 3 });
    const { action, stalled } = plan(worldOf(PROMOTING, [one], T0 + 2 * HOUR));
    expect([action.type, stalled]).toEqual(['probe', undefined]);
  });

  it('is told of a silent pod, whoever has just started beside it', () => {
    const now = T0 + 2 * HOUR;
    const silent: Probe = { ...probeOf(PROMOTING, 3, now), random: 'unknown', answers: new Map(), failures: 9 };
    const old = pod('main-1', { startedAt: T0, templateVersion: 3, probe: silent });
    const young = pod('main-2', { startedAt: now - SECOND, templateVersion: 3, probe: silent });
    expect(plan(worldOf(PROMOTING, [old, young], now)).stalled?.reason).toBe('RolloutStalled');
    expect(plan(worldOf(PROMOTING, [young], now)).stalled).toBeUndefined();
  });
});

describe('where the API server does not tell its time', () => {
  it.each([
    ['an emergency, a pod with a canary', BURNING, true],
    ['an emergency, a pod without', BURNING, false],
    ['a rotation', PROMOTING, true],
  ] as const)('no pod is replaced again and again: %s', (_, keyset, canary) => {
    const told = new Set<string>();
    let count = 0;
    let createdAt = T0 - HOUR;
    for (let now = T0; now < T0 + 300 * SECOND; now += SECOND) {
      const { readUpTo: _, ...one } = pod('main-1', {
        ...{ createdAt, startedAt: createdAt, templateVersion: keyset.version },
        ...(canary && { probe: asked(probeOf(keyset, 2), now) }),
      });
      const { clockOffsetMs: __, ...world } = worldOf(keyset, [one], now, canary);
      const { action, stalled } = plan(world);
      if (stalled !== undefined) told.add(stalled.reason);
      if (action.type !== 'evict' && action.type !== 'delete') continue;
      count += 1;
      createdAt = now;
    }
    expect(count).toBeLessThanOrEqual(2);
    expect([...told]).toContain('ClockSkew');
  });
});

it('in an emergency a pod that verifies nothing is replaced, if it started before', () => {
  const probe: Probe = { ...probeOf(BURNING, 3), random: 'accepted' };
  const now = T0 + 20 * SECOND;
  const old = pod('main-1', { startedAt: T0 - HOUR, templateVersion: 3, probe: asked(probe, now) });
  const first = plan(worldOf(BURNING, [old], now)).action;
  expect(first).toMatchObject({ type: 'delete', pods: [{ pod: { name: 'main-1' } }] });
  const next = pod('main-2', { startedAt: now, templateVersion: 3, probe: asked(probe, now) });
  expect(plan(worldOf(BURNING, [next], now))).toMatchObject({
    action: { type: 'wait' },
    stalled: { reason: 'CanaryVoid' },
  });
});

it('restarts that somebody takes back have growing pauses in an emergency too', () => {
  let refusal = refusedAgain(undefined, { effect: 'restart', cause: 'Undone', said: '' }, 0, true);
  const pauses: number[] = [];
  for (let tries = 0; tries < 12; tries += 1) {
    const now = refusal.retryAt;
    refusal = refusedAgain(refusal, refusal, now, true);
    pauses.push(refusal.retryAt - now);
  }
  expect(pauses.at(-1)).toBe(HOUR);
});

it('a restart that somebody takes back holds up no emergency: the pods that it left are deleted', () => {
  const now = T0 + 20 * SECOND;
  const old = pod('main-1', { startedAt: T0 - HOUR, templateVersion: 2, probe: asked(probeOf(BURNING, 2), now) });
  const world = worldOf(BURNING, [old], now);
  const targets = world.targets.map((one) =>
    one.settings.name === 'main' && one.workload ? { ...one, workload: { ...one.workload, templateVersion: 2 } } : one,
  );
  const rolling = { ...world, targets, settings: { ...world.settings, emergencyMode: 'Rolling' } as const };
  expect(plan(rolling).action.type).toBe('bump');
  const effect = 'restart Deployment/main for version 3';
  const undone: Refusal = {
    effect,
    cause: 'Undone',
    said: '',
    count: 1,
    made: 1,
    since: now,
    triedAt: now,
    retryAt: now + HOUR,
  };
  expect(plan({ ...rolling, refusals: [undone] }).action).toMatchObject({ type: 'delete', pods: [{ pod: old }] });
});

it('a mark of a pod that does not stay is made again in growing pauses', () => {
  const memory = new Memory();
  const [target] = services(RETIRING, { main: 4, admin: 4 });
  if (target === undefined) throw new Error('no target');
  const pods = target.pods.map((one) => ({ target, pod: one }));
  let now = T0;
  const pauses = Array.from({ length: 12 }, () => {
    memory.tried({ type: 'refresh', pods, version: 4 }, [], now, false);
    const pause = (memory.refusals[0]?.retryAt ?? now) - now;
    now += pause;
    return pause;
  });
  expect(pauses.at(-1)).toBe(60 * SECOND);
});
