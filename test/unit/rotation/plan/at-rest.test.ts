/** At rest pods are asked now and then: a new one once, one of each target a day, all others not at all. */
import { describe, expect, it } from 'vitest';
import type { Facts, PodFacts, Probe } from '../../../../src/rotation/facts.ts';
import { keyIn } from '../../../../src/rotation/keyset/keyset.ts';
import { hasAnswered } from '../../../../src/rotation/plan/at-rest.ts';
import { plan } from '../../../../src/rotation/plan/plan.ts';
import { DONE, facts, pod, probeOf, SETTINGS, SETTLED, STEADY, T0, target } from '../builders.ts';

const MINUTE = 60_000;
const DAY = 86_400_000;
const NEWEST = DONE.version;

function world(pods: readonly PodFacts[], now: number, edit: Partial<Facts> = {}): Facts {
  return facts(DONE, { now, targets: [target('main', ['Verifier'], { pods }), target('signer', ['Signer'])], ...edit });
}

/** Names of the pods that are asked. */
function askedOf(world: Facts): readonly string[] {
  const { action } = plan(world);
  return action.type === 'probe' ? action.pods.map((row) => row.pod.name) : [];
}

const answered = (at: number) => ({ probe: probeOf(DONE, NEWEST, at) });

describe('after a rotation', () => {
  it('nobody is asked who has stood for long, also by an operator that knows nothing yet', () => {
    expect(askedOf(world([pod('a'), pod('b')], T0 + MINUTE))).toEqual([]);
  });

  it('a new pod is asked once it is ready, and once only', () => {
    const now = T0 + 10 * MINUTE;
    const startedAt = now - MINUTE;
    expect(askedOf(world([pod('a'), pod('b', { startedAt })], now))).toEqual(['b']);
    expect(askedOf(world([pod('a'), pod('b', { startedAt, ready: false })], now))).toEqual([]);
    expect(askedOf(world([pod('a'), pod('b', { startedAt, ...answered(now) })], now))).toEqual([]);
    expect(askedOf(world([pod('a'), pod('b', { startedAt })], startedAt + 15 * MINUTE))).toEqual([]);
  });

  it.each([1, 2, 400])('one pod of a target is asked in the hour after each day: on day %i', (day) => {
    const slot = T0 + day * DAY;
    const pods = [pod('a', answered(slot - DAY)), pod('b', { ...answered(T0), startedAt: T0 })];
    expect(askedOf(world(pods, slot - 1))).toEqual([]);
    expect(askedOf(world(pods, slot))).toEqual(['b']);
    expect(askedOf(world(pods, slot + 59 * MINUTE))).toEqual(['b']);
    expect(askedOf(world(pods, slot + 60 * MINUTE))).toEqual([]);
    expect(askedOf(world([pod('a', answered(slot)), pod('b')], slot + MINUTE))).toEqual([]);
  });

  it('of many pods with a bad answer one is asked again, after a minute', () => {
    const probe: Probe = {
      ...probeOf(DONE, NEWEST, T0),
      answers: new Map(DONE.keys.map(({ kid }) => [kid, 'refused'])),
    };
    const pods = ['a', 'b', 'c'].map((name) => pod(name, { probe }));
    expect(plan(world(pods, T0 + 1))).toMatchObject({
      action: { type: 'wait', until: T0 + MINUTE },
      blocked: { reason: 'CanaryRefused' },
    });
    expect(askedOf(world(pods, T0 + MINUTE))).toEqual(['a']);
  });

  it('a pod of which the key in use is not known has not refused it', () => {
    const sign = keyIn(DONE, 'signing')?.kid ?? '';
    const answers = new Map(DONE.keys.map(({ kid }) => [kid, kid === sign ? 'unknown' : 'refused'] as const));
    const probe: Probe = { ...probeOf(DONE, NEWEST, T0), answers, failures: 1 };
    expect(plan(world([pod('a', { probe })], T0 + 1)).blocked).toBeUndefined();
    const lasting = plan(world([pod('a', { probe: { ...probe, failures: 8 } })], T0 + 1));
    expect(lasting.blocked?.reason).toBe('CanaryUnanswered');
  });

  it('an answer counts as one only if it means something', () => {
    const has = (edit: Partial<Probe>) => {
      const probe: Probe = { ...probeOf(DONE, NEWEST, T0), ...edit };
      return hasAnswered(target('main', ['Verifier'], { pods: [pod('a', { probe })] }), DONE);
    };
    const refused = new Map(DONE.keys.map(({ kid }) => [kid, 'refused'] as const));
    expect([has({}), has({ random: 'accepted' }), has({ answers: refused }), has({ random: 'unknown' })]).toEqual([
      ...[true, false, false, false],
    ]);
  });

  it('nobody is asked while everything is paused', () => {
    const requests = { paused: { reason: 'Paused', message: 'paused' } } as const;
    expect(askedOf(world([pod('a', { startedAt: T0 })], T0 + MINUTE, { requests }))).toEqual([]);
  });
});

describe('a service that knows one key', () => {
  const sign = keyIn(STEADY, 'signing')?.kid ?? '';
  const probe: Probe = {
    ...probeOf(STEADY, NEWEST, SETTLED),
    version: STEADY.version,
    answers: new Map(STEADY.keys.map(({ kid }) => [kid, kid === sign ? 'accepted' : 'refused'])),
  };
  const told = (startedAt: number, edit: Partial<Facts['settings']> = {}) => {
    const targets = [target('main', ['Verifier'], { pods: [pod('main-1', { startedAt, probe })] })];
    return plan(facts(STEADY, { now: SETTLED + MINUTE, targets, settings: { ...SETTINGS, ...edit } })).blocked;
  };

  it('is told as soon as a pod of it has started with the keys that rekey wrote', () => {
    expect(told(SETTLED + 1_000)?.reason).toBe('SingleKeyService');
    expect(told(SETTLED + 1_000)?.message).toContain('Deployment/main');
    expect(told(T0 - MINUTE)).toBeUndefined();
  });

  it('is no matter where it may be cut over', () => {
    expect(told(SETTLED + 1_000, { strategy: 'Auto', allowCutover: true })).toBeUndefined();
    expect(told(SETTLED + 1_000, { strategy: 'Cutover', allowCutover: true })).toBeUndefined();
  });
});
