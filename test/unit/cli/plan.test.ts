/** What `plan` and `check` make of a status. */
import { afterEach, describe, expect, it } from 'vitest';
import { obstaclesNow, type Plan, planOf } from '../../../src/cli/plan.ts';
import { planRecord, planText } from '../../../src/cli/plan-text.ts';
import type { JwtKeyRotation } from '../../../src/rotation/api/names.ts';
import type { JwtKeyRotationStatus } from '../../../src/rotation/api/types.ts';
import type { Leadership } from '../../../src/rotation/people/leadership.ts';
import type { Operations } from '../../../src/rotation/people/operations.ts';
import { SETTINGS, STEADY, services, T0 } from '../rotation/builders.ts';

const HOUR = 3_600_000;
const iso = (at: number) => new Date(at).toISOString();
const targets = services(STEADY, { main: 1, admin: 1 });
const condition = (type: string, status: 'True' | 'False', reason: string) => ({
  ...{ type, status, reason, message: `${reason} it is`, lastTransitionTime: iso(T0) },
});

function resource(status: JwtKeyRotationStatus, spec: object = {}, observed = 1): JwtKeyRotation {
  const whole = {
    ...{ secretName: 'jwt', environment: 'test', rotationPeriod: '90d', maxTokenTTL: '1h', clockSkew: '60s' },
    ...{ startingDeadlineSeconds: 1, timeZone: 'UTC', rolloutTimeout: '10m', retire: { mode: 'Eager' } },
    ...{ targets: [], canary: { claims: {} } },
    ...{ secretKeys: { signing: ['JWT_SECRET_KEY'], fallbacks: 'FALLBACKS', previous: '', keyset: '' }, ...spec },
  };
  const metadata = { namespace: 'shop', name: 'jwt', generation: 1 };
  return { metadata, spec: whole, status: { observedGeneration: observed, ...status } } as unknown as JwtKeyRotation;
}

let leads: Leadership = { kind: 'Led', holder: 'rekey-1' };
const leadership = async () => leads;
afterEach(() => {
  leads = { kind: 'Led', holder: 'rekey-1' };
});

/** @param at `now` unless it is told when it is due */
async function plan(status: JwtKeyRotationStatus, at: 'now' | 'schedule' = 'now', spec: object = {}): Promise<Plan> {
  const windows = [{ kind: 'Allow', schedule: '0 3 * * *', timeZone: 'UTC', durationMs: HOUR }] as const;
  const settings = { ...SETTINGS, windows };
  const operations = { surroundings: async () => ({ settings, targets, unlistedConsumers: [] }), leadership };
  return (await planOf(operations as unknown as Operations, resource(status, spec), at, T0)) as Plan;
}
const reasons = ({ obstacles }: { readonly obstacles: readonly { readonly reason: string }[] }) =>
  obstacles.map(({ reason }) => reason);

describe('a plan', () => {
  it('is of the next rotation, when it is due or as if it were asked for now', async () => {
    const status = { phase: 'Steady', nextRotationTime: iso(T0 + 30 * 24 * HOUR) } as const;
    expect(await plan(status)).toMatchObject({ startsAt: T0, obstacles: [] });
    expect(planText(await plan(status), T0)).toContain('lasts 1h 16m: 1h tokens + 1m skew + 15m slack\n');
    const due = await plan(status, 'schedule');
    expect(due).toMatchObject({ startsAt: T0 + 30 * 24 * HOUR });
    expect(due.steps[2]).toMatchObject({ notBefore: T0 + (30 * 24 + 3) * HOUR });
    expect(planText(due, T0)).toMatch(/starts +2026-01-31T00:00:00Z \(in 30d\)/);
    const unscheduled = await plan({ phase: 'Steady', currentKeyId: 'k' }, 'schedule');
    expect(planText(unscheduled, T0)).toMatch(/starts +on request/);
    // a request waits already
    const waiting = { forceRotation: { reason: 'ticket 7' } };
    expect(await plan({ ...status, keysetVersion: 1 }, 'schedule', waiting)).toMatchObject({ startsAt: T0 });
  });

  it('says of a resource that nobody has taken up yet when its schedule would start it', async () => {
    const found = await plan({}, 'schedule');
    expect(found).toMatchObject({ expectedAt: T0 + 90 * 24 * HOUR });
    expect(planText(found, T0)).toMatch(
      /starts +not known yet: .*; if it does so now, 2026-04-01T00:00:00Z \(in 90d\)/,
    );
    expect(planRecord(found)).toMatchObject({ expectedAt: iso(T0 + 90 * 24 * HOUR) });
    expect(planText(await plan({}, 'schedule', { suspend: true }), T0)).toMatch(/starts +on request/);
  });

  it('lists all that is wrong with a spec, each field', async () => {
    const found = await plan({}, 'now', { maxTokenTTL: 'soon', clockSkew: 'some', timeZone: 'BST' });
    expect(reasons(found)).toEqual(['InvalidDuration', 'InvalidDuration', 'InvalidTimeZone']);
  });

  it('is of the one under way: its window is the next one, its old key leaves when the operator says', async () => {
    const nextRotationTime = iso(T0 + 60 * 24 * HOUR);
    const staged = await plan({ phase: 'Staged', nextRotationTime }, 'schedule');
    expect(staged).toMatchObject({ underWay: 'Staging' });
    expect(planText(await plan({ phase: 'Staged', drainSeconds: 9000 }), T0)).toContain(
      'lasts 2h 30m: fixed when this rotation started\n',
    );
    expect(staged.steps[2]).toMatchObject({ notBefore: T0 + 3 * HOUR });
    const draining = await plan({ phase: 'Draining', nextRotationTime, retireNotBefore: iso(T0 + HOUR) }, 'schedule');
    expect(planText(draining, T0)).toMatch(
      /Draining +now .*\n +lasts until 2026-01-01T01:00:00Z \(in 1h\): 1h tokens \+ 1m skew \+ 15m slack\n/,
    );
    expect(planRecord(draining)).toMatchObject({ underWay: 'Draining', retireAt: iso(T0 + HOUR) });
  });

  it.each<[string, JwtKeyRotationStatus]>([
    ['Aborting', { phase: 'Aborting' }],
    ['Burning', { phase: 'Burning' }],
    ['RollingBack', { phase: 'Draining', conditions: [condition('Rotating', 'True', 'RollingBack')] }],
  ])('is not of what goes on where that is %s', async (what, status) => {
    const found = await plan(status);
    expect(found).toMatchObject({ after: what });
    expect(found).not.toHaveProperty('underWay');
    expect(planText(found, T0)).toMatch(new RegExp(`starts +after what is under way: ${what}`));
  });

  it('tells how long a rotation took, which an emergency is not', async () => {
    const entry = {
      id: 'r',
      trigger: 'Emergency',
      outcome: 'Completed',
      startedAt: iso(T0),
      finishedAt: iso(T0 + 9_000),
    } as const;
    const history = [entry, { ...entry, trigger: 'Schedule', finishedAt: iso(T0 + 2 * HOUR) }] as const;
    expect(await plan({ phase: 'Steady', history })).toMatchObject({ lastTookMs: 2 * HOUR });
    expect(planText(await plan({ phase: 'Steady', history: [entry] }), T0)).toContain(
      'not known: status.history has no completed rotation that is not an emergency',
    );
  });
});

describe('what a person must settle', () => {
  const status = (rotating: 'True' | 'False') => ({
    ...{ phase: 'Degraded' as const },
    conditions: [condition('Ready', 'False', 'ForeignWriter'), condition('Rotating', rotating, 'Steady')],
  });

  it('is in the way at rest, and is no rotation', async () => {
    const found = await plan(status('False'));
    expect(reasons({ obstacles: obstaclesNow(resource(status('False')), found) })).toEqual(['ForeignWriter']);
    expect(found).not.toHaveProperty('after');
  });

  it('is in the way of the rotation under way', async () => {
    const found = await plan(status('True'));
    expect(found).toMatchObject({ after: 'Degraded' });
    expect(reasons({ obstacles: obstaclesNow(resource(status('True')), found) })).toEqual([
      'RotationInProgress',
      'ForeignWriter',
    ]);
  });
});

describe('what is in the way', () => {
  it.each<[string, readonly string[], JwtKeyRotationStatus, object]>([
    ['what the operator says', ['Forbidden'], { conditions: [condition('Ready', 'False', 'Forbidden')] }, {}],
    ['a suspension', ['Suspended'], { conditions: [condition('Ready', 'True', 'Suspended')] }, { suspend: true }],
    [
      'no back-off: a request does not wait for it',
      [],
      { conditions: [condition('Ready', 'False', 'BackingOff')] },
      {},
    ],
    ['found keys that are still accepted', ['FoundKeysDraining'], { retireNotBefore: iso(T0 + HOUR) }, {}],
    ['no found keys whose tokens are dead', [], { retireNotBefore: iso(T0 - HOUR) }, {}],
  ])('has %s', async (_, expected, status, spec) => {
    expect(reasons(await plan({ phase: 'Steady', ...status }, 'now', spec))).toEqual(expected);
  });

  it('has the back-off where nobody asks', async () => {
    const conditions = [condition('Ready', 'False', 'BackingOff')];
    expect(reasons(await plan({ phase: 'Steady', conditions }, 'schedule'))).toEqual(['BackingOff']);
  });

  it('has a spec that cannot be understood, and an operator that has not looked', async () => {
    expect(reasons(await plan({ phase: 'Steady' }, 'now', { maxTokenTTL: 'long' }))).toEqual(['InvalidDuration']);
    const surroundings = async () => ({ settings: SETTINGS, targets, unlistedConsumers: [] });
    const operations = { surroundings, leadership };
    const unseen = resource({ phase: 'Steady' }, {}, 0);
    expect(reasons(await planOf(operations as unknown as Operations, unseen, 'now', T0))).toEqual(['NotSeen']);
  });

  it('has that no operator leads, and since when; of what is not known nothing is said', async () => {
    leads = { kind: 'Nobody', since: T0 - HOUR };
    const found = await plan({ phase: 'Steady' });
    expect(reasons(found)).toEqual(['NobodyLeads']);
    expect(found.obstacles[0]?.message).toMatch(
      /^NO OPERATOR LEADS since 2025-12-31T23:00:00.*\(Lease rekey-system\/rekey\)/,
    );
    leads = { kind: 'Unknown', why: 'it may not be read' };
    expect(reasons(await plan({ phase: 'Steady' }))).toEqual([]);
  });

  it('has a rotation that is under way, for whoever wants another', async () => {
    const found = await plan({ phase: 'Draining' });
    const another = obstaclesNow(resource({ phase: 'Draining' }), found);
    expect([reasons(found), reasons({ obstacles: another })]).toEqual([[], ['RotationInProgress']]);
    expect(obstaclesNow(resource({ phase: 'Steady' }), found)).toEqual([]);
  });
});
